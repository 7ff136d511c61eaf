"""Alerts on the command line."""

import io
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from rich.console import Console
from typer.testing import CliRunner

from services.alerting.view import card, grid, measures_grid
from services.cli import build
from shared.broker import Stored
from shared.errors import AdrwatchError
from shared.events import Alert, Concept, Measure, Table, derived_id, encode
from shared.latest_alerts import Filter, LatestAlerts
from shared.signals.wording import interval, window

START = datetime(2026, 3, 1, tzinfo=UTC)


def signal(name="s1", hours=0, drug="Sertraline", a=4):
    return Alert(
        id=name, kind="disproportionality", drug=Concept("D1", drug), reaction=Concept("HP:1", "Nausea"), episode=START,
        evaluated_at=START + timedelta(hours=hours), rules=("evans",), rule_version="1-x", examples=("s:1", "s:2"),
        window_hours=24, table=Table(a, 4, 0, 60), authors=4,
        measures={"prr": Measure(None), "ic": Measure(1.5, 0.25, 2.5)},
    )  # fmt: skip


def stored(key, value):
    return Stored(0, 0, key.encode(), value, ())


def shown(renderable, width=200):
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(renderable)
    return out.getvalue()


def test_the_last_record_of_an_alert_is_its_state_and_a_tombstone_takes_it_back():
    latest = LatestAlerts()
    for update in [("s1", encode(signal())), ("s2", encode(signal("s2"))), ("s1", encode(signal(a=8))), ("s2", None)]:
        latest.apply(stored(*update))
    [alert] = latest.matching(Filter())
    assert alert.table.a == 8
    assert latest.get("s2") is None


def test_a_record_that_is_no_alert_is_counted_and_left_out():
    latest = LatestAlerts()
    assert latest.apply(stored("x", b"{}")) is None
    assert latest.unreadable == 1


def test_alerts_are_filtered_by_kind_drug_and_time_the_latest_first():
    latest = LatestAlerts()
    for alert in (signal("s1", 1), signal("s2", 2), signal("s3", 3, "Ibuprofen")):
        latest.apply(stored(alert.id, encode(alert)))
    assert [a.id for a in latest.matching(Filter())] == ["s3", "s2", "s1"]
    assert [a.id for a in latest.matching(Filter(drug="sertra"))] == ["s2", "s1"]
    assert [a.id for a in latest.matching(Filter(since=START + timedelta(hours=2)))] == ["s3", "s2"]
    assert latest.matching(Filter(kind="single_report")) == []


def test_an_absent_value_is_shown_as_absent():
    assert interval(Measure(None)) == "–"
    assert interval(Measure(0.0)) == "0.00"
    assert interval(Measure(1.5, 0.25, 2.5)) == "1.50 [0.25, 2.50]"


def test_windows_are_shown_in_days_when_they_are_longer_than_one():
    assert [window(hours) for hours in (24, 168, None)] == ["24 h", "7 d", ""]


def test_a_table_shows_counts_measures_and_rules_of_each_alert():
    out = shown(grid([signal()]))
    assert all(part in out for part in ("s1", "Sertraline", "4/4/0/60", "1.50 [0.25, 2.50]", "evans", "24 h"))


def test_a_card_shows_examples_measures_by_name_and_what_differs_from_the_shipped_rules():
    alert = msgspec.structs.replace(
        signal(), overrides=("policy.authors=2",), measures={"ebgm": Measure(3.1, 1.9, 4.8), "surge_p": Measure(0.0004)}
    )
    out = shown(card(alert))
    assert "s:2" in out
    assert "EBGM [EB05, EB95]" in out
    assert "3.10 [1.90, 4.80]" in out
    assert "4e-04" in out
    assert "policy.authors=2" in out


def test_a_measure_that_no_signal_has_is_explained():
    without = msgspec.structs.replace(signal(), measures={"ebgm": Measure(None), "ic": Measure(None)})
    beside = msgspec.structs.replace(signal(), measures={"ebgm": Measure(2.0, 1.0, 3.0)})
    # The words take as many lines as a narrow table needs.
    assert "no EBGM: the window holds too few pairs" in " ".join(shown(measures_grid([without])[0]).split())
    assert "no EBGM" not in shown(measures_grid([without, beside])[0])
    assert "no temporal IC" not in shown(measures_grid([without])[0])


def test_all_measures_of_signals_stand_side_by_side():
    names = ("Sertraline", "Metformin", "Atorvastatin", "Ibuprofen")
    report = msgspec.structs.replace(signal("r"), kind="single_report", table=None, measures={})
    first, second = measures_grid([report, *(signal(f"s{i}", drug=name) for i, name in enumerate(names))])
    lines = shown(first, 100).splitlines()
    assert any(all(name in line for name in names[:3]) for line in lines)
    assert any("IC [IC025, IC975]" in line and line.count("1.50 [0.25, 2.50]") == 3 for line in lines)
    assert any("a/b/c/d" in line and "4/4/0/60" in line for line in lines)
    assert "Ibuprofen" in shown(second, 100)
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("width", [80, 100, 120])
def test_ids_counts_and_measures_stay_whole_in_a_narrow_terminal(width):
    measures = {name: Measure(153.42, 20.11, 1170.3) for name in ("prr", "ror", "ic", "ebgm")}
    measures["expected"] = Measure(4.25)
    name = derived_id("signal")
    alert = msgspec.structs.replace(
        signal(name, drug="Dextroamphetamine"), table=Table(124, 104, 31, 68760), measures=measures
    )
    lines = shown(grid([alert]), width).splitlines()
    for part in (
        name,
        "2026-03-01 00:00",
        "124/104/31/68760",
        "PRR  153 [20.1, 1170]",
        "IC   153 [20.1, 1170]",
        "EBGM 153 [20.1, 1170]",
        "E 4.25",
        "4 authors",
    ):
        assert any(part in line for line in lines)
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("since", ["soon", "2026-13-01", "0001-01-01T00:00+01:00", "9999-12-31T23:59-01:00"])
def test_a_time_that_cannot_be_is_refused_before_anything_is_asked_for(since):
    done = CliRunner().invoke(build(), ["alerts", "list", "--since", since])
    assert isinstance(done.exception, AdrwatchError)
    assert f"--since '{since}' is no day or time" in done.exception.message

"""Signals from new to closed, on SQLite and on PostgreSQL, by the command line over a real topic of alerts."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import msgspec
import openpyxl
import pytest
from kafka import KafkaProducer

from shared import settings
from shared.errors import AdrwatchError
from shared.events import Alert, Closure, Concept, Measure, Table, decode, encode
from shared.topics import ALERTS, CLOSURES
from tests import topics
from tests.integration.cases.items import MOMENT, item
from tests.processes import work_until

PATIENCE = 60.0
SIGNAL = Alert(
    id="signal-1",
    kind="disproportionality",
    drug=Concept("DB:1", "amoxicillin"),
    reaction=Concept("HP:1", "Anaphylactic shock"),
    episode=MOMENT - timedelta(hours=1),
    evaluated_at=MOMENT,
    rules=("evans",),
    rule_version="1-5c0c6598",
    overrides=("preset=umc", "policy.authors=2"),
    examples=("own:1",),
    window_hours=24,
    table=Table(4, 10, 5, 3000),
    authors=4,
)
REASON = ("--reason", "as it should")


@pytest.fixture
def publish(kafka: str, topic_prefix: str, monkeypatch, place) -> Iterator[Callable[..., None]]:
    topics.make_all(kafka, topic_prefix)
    monkeypatch.setenv("ADRWATCH_KAFKA_BOOTSTRAP", kafka)
    monkeypatch.setenv("ADRWATCH_TOPIC_PREFIX", topic_prefix)
    settings.current.cache_clear()
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all")

    def send(key: str, alert: Alert | None) -> None:
        producer.send(ALERTS.name(topic_prefix), encode(alert) if alert else None, key.encode())
        producer.flush()

    send(SIGNAL.id, SIGNAL)
    send("item-1", item(1))
    yield send
    producer.close()


def listed(adrwatch: Callable[..., Any], *options: str) -> list[dict[str, Any]]:
    done = adrwatch("review", "list", "--json", *options)
    assert done.exit_code == 0, done.exception
    return [json.loads(line) for line in done.stdout.splitlines()]


def closures(kafka: str, prefix: str) -> list[Closure]:
    return [decode(record.value, Closure) for record in topics.records(kafka, CLOSURES.name(prefix))]


def test_a_signal_goes_its_way_and_every_step_is_in_the_trail(adrwatch, publish, kafka, topic_prefix):
    [found] = listed(adrwatch)
    assert (found["state"], found["reports"], found["assignee"]) == ("new", 4, None)
    assert adrwatch("audit", "export").stdout == ""
    assert adrwatch("review", "assign", "signal-1", "assessor two").exit_code == 0
    for state in ("triaged", "under assessment", "refuted"):
        assert adrwatch("review", "move", "signal-1", state, *REASON).exit_code == 0
    assert adrwatch("review", "comment", "signal-1", "a campaign, no reaction").exit_code == 0
    # It has grown meanwhile, and the person sees that.
    publish("signal-1", msgspec.structs.replace(SIGNAL, evaluated_at=MOMENT + timedelta(hours=5)))
    shown = json.loads(adrwatch("review", "show", "signal-1", "--json").stdout)
    assert [comment["text"] for comment in shown["comments"]] == ["a campaign, no reaction"]
    assert shown["signal"]["assignee"] == "assessor two"
    card = adrwatch("review", "show", "signal-1").stdout
    assert "4 reports by 4 authors in 24 h, by evans" in card
    assert closures(kafka, topic_prefix) == []
    assert adrwatch("review", "move", "signal-1", "closed", *REASON).exit_code == 0
    [closure] = closures(kafka, topic_prefix)
    assert (closure.id, closure.evidence_until) == ("signal-1", MOMENT + timedelta(hours=5))
    rows = [
        json.loads(line) for line in adrwatch("audit", "export", "--subject", "signal:signal-1").stdout.splitlines()
    ]
    assert [row["action"] for row in rows] == [
        "open", "assign", "state", "state", "state", "comment", "evidence", "read", "read", "state",
    ]  # fmt: skip
    assert {row["actor"] for row in rows} == {"assessor one"}
    assert adrwatch("audit", "verify").exit_code == 0
    # Told once.
    assert adrwatch("review", "comment", "signal-1", "a late note").exit_code == 0
    assert len(closures(kafka, topic_prefix)) == 1


def test_the_rules_by_which_a_signal_was_raised_stand_in_lists_and_cards_also_when_it_was_taken_back(
    adrwatch, publish, sql
):
    adrwatch("review", "assign", "signal-1", "assessor two")
    expected = ("1-5c0c6598", ["preset=umc", "policy.authors=2"])
    [found] = listed(adrwatch)
    assert (found["rule_version"], found["overrides"]) == expected
    # The rules were changed, and nobody has seen that yet.
    publish("signal-1", msgspec.structs.replace(SIGNAL, rule_version="2-0f", overrides=()))
    assert listed(adrwatch)[0]["overrides"] == []
    publish("signal-1", None)
    [gone] = listed(adrwatch)
    assert (gone["taken_back"], gone["rule_version"], gone["overrides"]) == (True, *expected)
    assert "preset=umc, policy.authors=2" in adrwatch("review", "show", "signal-1").stdout
    # As an earlier version kept it.
    sql("""UPDATE reviews SET document = replace(document, ',"rule_version":"1-5c0c6598"', '')""")
    sql("""UPDATE reviews SET document = replace(document, ',"overrides":["preset=umc","policy.authors=2"]', '')""")
    assert (listed(adrwatch)[0]["rule_version"], listed(adrwatch)[0]["overrides"]) == ("", [])
    assert "not known" in adrwatch("review", "show", "signal-1").stdout
    # Whoever looks at the signal of such a review sees by which rules it stands, and the review notes it.
    publish("signal-1", SIGNAL)
    assert adrwatch("review", "show", "signal-1").exit_code == 0
    publish("signal-1", None)
    assert listed(adrwatch)[0]["rule_version"] == "1-5c0c6598"


def test_signals_are_exported_with_counts_measures_and_the_rules_by_which_they_were_raised(adrwatch, publish, tmp_path):
    measures = {"prr": Measure(2.5, 1.25, 5.0), "ebgm": Measure(None), "surge_p": Measure(0.01)}
    publish("signal-1", msgspec.structs.replace(SIGNAL, measures=measures, drug=Concept("DB:1", "=amoxicillin")))
    publish("signal-2", msgspec.structs.replace(SIGNAL, id="signal-2", drug=Concept("DB:2", "ibuprofen")))
    adrwatch("review", "assign", "signal-2", "assessor two")
    publish("signal-2", None)
    for layout in ("csv", "xlsx", "json"):
        done = adrwatch("review", "export", tmp_path / layout, "--format", layout)
        assert (done.exit_code, done.stdout.strip()) == (0, "2 signals")
    (tmp_path / "xlsx").rename(tmp_path / "signals.xlsx")
    head, *cells = openpyxl.load_workbook(tmp_path / "signals.xlsx").active.iter_rows(values_only=True)
    sheet, gone = (dict(zip(head, row, strict=True)) for row in cells)
    text, _ = csv.DictReader((tmp_path / "csv").open(encoding="utf-8", newline=""))
    for found in (sheet, text):
        assert (found["rule_version"], found["overrides"]) == ("1-5c0c6598", "preset=umc, policy.authors=2")
        assert (found["id"], found["rules"], found["drug_id"], found["taken_back"]) == (
            "signal-1",
            "evans",
            "DB:1",
            "no",
        )
    assert (sheet["drug"], text["drug"]) == ("=amoxicillin", "'=amoxicillin")
    assert [sheet[name] for name in ("reports", "drug_only", "prr", "prr_lower", "surge_p")] == [4, 10, 2.5, 1.25, 0.01]
    assert (sheet["ebgm"], sheet["eb05"], text["ebgm"]) == (None, None, "")
    # What was taken back keeps its state, and the rules as somebody saw them last.
    assert [gone[name] for name in ("id", "taken_back", "reports", "prr", "overrides")] == [
        "signal-2", "yes", None, None, "preset=umc, policy.authors=2",
    ]  # fmt: skip
    one, other = (json.loads(line) for line in (tmp_path / "json").read_text(encoding="utf-8").splitlines())
    assert (one["overrides"], one["table"]["d"], one["measures"]["prr"]["upper"]) == (
        ["preset=umc", "policy.authors=2"],
        3000,
        5.0,
    )
    assert (other["measures"], other["state"]) == (None, "new")
    assert "own:1" not in (tmp_path / "json").read_text(encoding="utf-8") + (tmp_path / "csv").read_text(
        encoding="utf-8"
    )


def test_an_export_of_no_signals_has_a_head_and_one_that_cannot_be_written_is_named(adrwatch, publish, tmp_path):
    assert adrwatch("review", "export", tmp_path / "none.csv", "--drug", "sertraline").stdout.strip() == "0 signals"
    assert (tmp_path / "none.csv").read_text(encoding="utf-8").startswith("id,state,assignee,drug,")
    done = adrwatch("review", "export", tmp_path / "no" / "folder.csv")
    assert isinstance(done.exception, AdrwatchError)
    assert "cannot be written" in done.exception.message


def test_lists_are_of_a_state_or_a_drug_and_show_what_was_taken_back(adrwatch, publish):
    other = msgspec.structs.replace(SIGNAL, id="signal-2", drug=Concept("DB:2", "Ibuprofen"), previous="signal-1")
    publish("signal-2", other)
    adrwatch("review", "move", "signal-1", "triaged", *REASON)
    assert [row["id"] for row in listed(adrwatch, "--state", "triaged")] == ["signal-1"]
    assert [(row["id"], row["previous"]) for row in listed(adrwatch, "--drug", "ibu")] == [("signal-2", "signal-1")]
    publish("signal-1", None)
    publish("signal-2", None)
    # Nobody has looked at the second, so nothing of it is left.
    assert [(row["id"], row["state"], row["taken_back"]) for row in listed(adrwatch)] == [("signal-1", "triaged", True)]
    assert "taken back" in adrwatch("review", "list").stdout
    assert adrwatch("review", "move", "signal-1", "closed", *REASON).exit_code == 0
    assert "no signals" in adrwatch("review", "list", "--drug", "sertraline").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "nobody"), "there is no signal nobody"),
        (("show", "item-1"), "is a report of one patient, and no signal"),
        (("move", "signal-1", "certain", *REASON), "there is no state certain"),
        (("move", "signal-1", "confirmed", *REASON), "signal signal-1 is new and cannot become confirmed"),
        (("assign", "signal-1", "a\x07b"), "U+0007"),
    ],
)
def test_what_cannot_be_is_refused(adrwatch, publish, arguments, message):
    done = adrwatch("review", *arguments)
    assert isinstance(done.exception, AdrwatchError)
    assert message in done.exception.message
    assert done.exception.fix


def test_a_closed_signal_is_not_changed_any_more(adrwatch, publish):
    adrwatch("review", "move", "signal-1", "closed", *REASON)
    done = adrwatch("review", "assign", "signal-1", "assessor two")
    assert "is closed and cannot be changed" in done.exception.message
    again = adrwatch("review", "move", "signal-1", "triaged", *REASON)
    assert "is closed and cannot become triaged" in again.exception.message


def test_a_closing_that_alerting_was_not_told_of_is_told_by_the_worker(
    adrwatch, publish, kafka, topic_prefix, monkeypatch, tmp_path
):
    monkeypatch.setattr("shared.writer.connect", away)
    done = adrwatch("review", "move", "signal-1", "closed", *REASON)
    assert done.exit_code == 0
    assert "alerting does not know it yet" in done.stderr
    assert closures(kafka, topic_prefix) == []
    work_until("cases", tmp_path, lambda: closures(kafka, topic_prefix))
    assert [closure.id for closure in closures(kafka, topic_prefix)] == ["signal-1"]


def away(*_arguments: object, **_options: object) -> None:
    from shared.errors import DependencyAway

    raise DependencyAway("no Kafka broker answers")

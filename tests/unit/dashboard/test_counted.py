"""What pages show of windows: the same counts and measures as alerts, over rows that we made."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import nbinom

from services.dashboard.view.counted import Counted
from services.dashboard.view.heat import heat
from services.dashboard.view.measured import MEASURES, SLOW
from services.dashboard.view.movers import movers
from services.dashboard.view.series import series, trends
from shared.errors import AdrwatchError
from shared.events import UNMAPPED
from shared.signals.findings import look_at
from shared.signals.reports import row_of
from shared.signals.rules import shipped
from shared.signals.window_measures import WindowMeasures
from shared.signals.windows import Row
from shared.topics import DAY_MS
from tests.unit.alerting.world import LABELS, START, several_days, small_rules
from tests.unit.signals.signal_rows import HOUR, ledger_of, row

RULES = small_rules()
END = START + 4 * DAY_MS


def counted(rows: list[Row], version: int = 1) -> Counted:
    return Counted(ledger_of(rows, rules=RULES), RULES, LABELS, version)


@pytest.fixture(scope="module")
def days() -> Counted:
    """Four days of posts with bursts, reposts, copies and busy authors."""
    return counted([found for one in several_days() if (found := row_of(one)) is not None])


@pytest.mark.parametrize("hours", [6, 48, 96])
def test_every_pair_of_a_window_has_the_table_authors_and_measures_of_its_alert(days: Counted, hours: int) -> None:
    found = days.measured(END - hours * HOUR, END)
    assert len(found.codes) > 5
    page = found.page(size=10_000)
    assert page.total == len(page.rows) == len(found.codes)
    for number, one in enumerate(page.rows):
        alert = look_at(days.ledger, one.drug, one.reaction, END, hours, RULES)
        assert alert is not None
        assert (one.table, one.authors) == (alert.table, alert.authors)
        # An alert's own take a tenth of a second.
        if number % 10 == 0:
            assert one.measures == alert.measures()
        table = one.table
        assert table.a + table.b + table.c + table.d == page.reports


def test_pairs_come_in_any_order_and_page_by_page(days: Counted) -> None:
    found = days.measured(START, END)
    whole = found.page(order="a", size=10_000).rows
    assert [one.table.a for one in whole] == sorted((one.table.a for one in whole), reverse=True)
    assert [*found.page(order="a", size=7).rows, *found.page(order="a", first=7, size=9_999).rows] == whole
    rising = [one.drug for one in found.page(order="drug", descending=False, size=10_000).rows]
    assert rising == sorted(rising)
    # What cannot be given comes last, whichever way.
    for descending in (True, False):
        values = [one.measures["tic"].value for one in found.page(order="tic", descending=descending, size=9_999).rows]
        absent = [value is None for value in values]
        assert absent == sorted(absent)
    of_drug = found.page(drug="d1", least=5).rows
    assert of_drug
    assert all(one.drug == "d1" and one.table.a >= 5 for one in of_drug)
    assert found.find("d1", "r1") in whole
    assert found.find("d1", "nothing") is None
    with pytest.raises(AdrwatchError, match="in the order of colour") as raised:
        found.page(order="colour")
    assert "eb05" in raised.value.fix
    with pytest.raises(AdrwatchError, match="whole number of hours"):
        days.measured(START + 1, END)


def test_what_takes_long_is_absent_until_somebody_asked_for_it_and_all_else_is_there(days: Counted) -> None:
    fresh = Counted(days.ledger, RULES, LABELS)
    first = fresh.at_once(START, END)
    assert first.computing == SLOW
    assert fresh.at_once(START, END) is first
    whole = fresh.measured(START, END)
    assert fresh.at_once(START, END) is whole
    assert (whole.computing, whole.columns.keys()) == ((), first.columns.keys())
    slow = {column for name in SLOW for column in MEASURES[name]}
    for name, values in first.columns.items():
        if name in slow:
            assert np.isnan(values).all()
            assert np.isfinite(whole.columns[name]).any()
        else:
            np.testing.assert_array_equal(values, whole.columns[name])
    with pytest.raises(AdrwatchError, match="whole number of hours"):
        fresh.at_once(START + 1, END)


def test_a_window_in_which_nothing_changed_is_not_measured_again(days: Counted) -> None:
    early, late = days.measured(START, START + 2 * DAY_MS), days.measured(START, END)
    after = Counted(days.ledger, RULES, LABELS, 2)
    after.take_over(days, [(END - HOUR) // HOUR])
    assert after.measured(START, START + 2 * DAY_MS) is early
    assert after.measured(START, END) is not late
    other = counted([row("p", START, ("d1", "r1"))], 3)
    other.take_over(days, [])
    assert other.measured(START, START + 2 * DAY_MS) is not early


def test_the_band_of_a_series_is_the_prediction_of_the_surge_rule(days: Counted) -> None:
    found = series(days, END - 48 * HOUR, END, "d1", "r1", HOUR)
    assert found.counts.sum() == days.window(END - 48 * HOUR, END).counts(days.pairs_of("d1", "r1"))[0]
    code = days.pairs_of("d1", "r1")
    p = WindowMeasures(days.ledger, END, 48, RULES).of(code)["surge_p"][0]
    # The chance of as many as the upper end, by the same distribution that gives p, is at most 2.5 % beyond it.
    last, high = int(found.counts[-1]), found.high[-1]
    assert (p < 0.025) == (last > high)
    assert np.isnan(found.low[0])
    assert (found.low[1:] <= found.high[1:]).all()
    everything = series(days, START, END)
    assert everything.counts.sum() == days.window(START, END).total
    assert series(days, START, END, reaction="r1").counts.sum() <= everything.counts.sum()
    assert not series(days, START, END, drug="nobody").counts.any()
    with pytest.raises(AdrwatchError, match="whole steps"):
        series(days, START, END + 1)


def test_the_band_of_steady_reports_holds_what_a_negative_binomial_says() -> None:
    rows = [row(f"p{i}", START + i * HOUR, ("d1", "r1"), author=f"a{i}") for i in range(24 * 10)]
    found = series(counted(rows), START, START + 10 * DAY_MS, "d1")
    assert found.counts.tolist() == [24] * 10
    assert found.high[9] == pytest.approx(nbinom.ppf(0.975, 24 * 9 + 0.5, 9 / 10), abs=2)
    assert found.low[9] < 24 < found.high[9]


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.integers(0, 5 * 24 - 1), st.sampled_from(["d1", "d2", UNMAPPED]), st.sampled_from(["r1", "r2"])),
        max_size=60,
    )
)
def test_trends_series_and_heat_count_what_the_window_counts(reported: list[tuple[int, str, str]]) -> None:
    rows = [
        row(f"p{i}", START + at * HOUR, (drug, reaction), author=f"a{i % 7}")
        for i, (at, drug, reaction) in enumerate(reported)
    ]
    there = counted(rows)
    end = START + 5 * DAY_MS
    pairs = [("d1", "r1"), ("d2", "r2"), ("d1", "never"), ("d1", "r1")]
    table = trends(there, pairs, end, 5)
    for pair, counts in zip(pairs, table, strict=True):
        assert counts.tolist() == series(there, START, end, *pair).counts.tolist()
    found = there.measured(START, end)
    shown = heat(found, 1, 2)
    assert len(shown.drugs) <= 1
    for i, drug in enumerate(shown.drugs):
        for j, reaction in enumerate(shown.reactions):
            one = found.find(drug, reaction)
            assert shown.a[i, j] == (one.table.a if one else 0)
            if one:
                assert shown.ic[i, j] == pytest.approx(one.measures["ic"].value)
    assert UNMAPPED not in shown.drugs


def test_what_rose_and_what_fell_is_told_with_its_counts_and_a_busier_network_moves_nothing() -> None:
    rows: list[Row] = []
    # Posts a day, before and in the last week: twice as many of all, but for two pairs.
    for drug, reaction, before, after in (
        ("d1", "r1", 1, 16), ("d1", "r2", 20, 40), ("d2", "r2", 5, 0), ("d2", "r3", 25, 50), ("d3", "r1", 40, 80),
        ("d3", "r2", 40, 80), ("d3", "r3", 50, 100),
    ):  # fmt: skip
        for day in range(35):
            for _ in range(after if day >= 28 else before):
                name = str(len(rows))
                rows.append(row(name, START + day * DAY_MS + len(rows), (drug, reaction), author=name))
    there = counted(rows)
    found = movers(there, START + 35 * DAY_MS, 7)
    assert [(one.drug, one.reaction, one.reports, one.before) for one in found.risen[:1]] == [("d1", "r1", 112, 28)]
    assert [(one.drug, one.reaction, one.reports, one.before) for one in found.fallen[:1]] == [("d2", "r2", 0, 140)]
    assert all(one.lower > 0 for one in found.risen)
    drugs = movers(there, START + 35 * DAY_MS, 7, "drugs")
    assert [one.drug for one in drugs.risen] == ["d1"]
    assert [one.drug for one in drugs.fallen] == ["d2"]
    assert [one.reaction for one in movers(there, START + 35 * DAY_MS, 7, "reactions").risen] == ["r1"]


def test_nothing_is_shown_of_nothing() -> None:
    empty = Counted.empty(shipped())
    assert empty.measured(START, END).page().rows == []
    assert heat(empty.measured(START, END)).drugs == []
    assert movers(empty, END, 1).risen == movers(empty, END, 1, "drugs").fallen == []
    assert trends(empty, [("d1", "r1")], END, 3).tolist() == [[0, 0, 0]]
    assert not series(empty, START, END).counts.any()

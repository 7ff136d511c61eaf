"""Measures that need all pairs of a window or its parts: those of the window's reports, whatever the order of arrival."""

from __future__ import annotations

import numpy as np
import pytest

from shared.events import Measure
from shared.signals import change
from shared.signals.counts import Reports, count
from shared.signals.criteria import CRITERIA
from shared.signals.findings import OF_TABLE, OF_WINDOW, evaluate, look_at
from shared.signals.table import MeasuredTable, measure
from shared.signals.windows import Ledger, Row
from tests.unit.signals.signal_rows import HOUR, background, busy_rows, ledger_of, row, rules_with

PAIR = ("new drug", "new reaction")
END = 100 * 24 * HOUR
RULES = rules_with()
ROWS = busy_rows(PAIR, 6, END)


def of_pair(ledger: Ledger, hours: int = 2160, rules=RULES, pair=PAIR, end=END) -> dict[str, Measure]:
    finding = look_at(ledger, *pair, end, hours, rules)
    assert finding is not None
    return finding.measures()


def table_of(rows: list[Row]) -> tuple[MeasuredTable, list[tuple[str, str]]]:
    """What `adrwatch signals table` computes of rows, each a report with one pair; and its pairs."""
    drugs, reactions = (sorted({r.pairs[0][i] for r in rows}) for i in (0, 1))
    drug, reaction = (
        np.array([names.index(r.pairs[0][i]) for r in rows]) for i, names in enumerate((drugs, reactions))
    )
    table = measure(count(Reports(drugs, reactions, np.arange(len(rows)), drug, reaction)))
    found = table.pairs
    return table, [(drugs[d], reactions[r]) for d, r in zip(found.drug, found.reaction, strict=True)]


@pytest.mark.parametrize("hours", [24, 2160])
def test_an_alert_has_the_measures_that_the_table_of_its_window_s_reports_has(hours):
    inside = [r for r in ROWS if r.at_ms >= END - hours * HOUR]
    table, pairs = table_of(inside)
    at = pairs.index(PAIR)
    measures = of_pair(ledger_of(ROWS), hours)
    for name, columns in (OF_TABLE | OF_WINDOW).items():
        if columns[0] in table.columns:
            values = [float(table.columns[column][at]) for column in columns]
            found = [getattr(measures[name], part) for part in ("value", "lower", "upper")][: len(columns)]
            assert [np.nan if value is None else value for value in found] == pytest.approx(values, nan_ok=True), name
    assert measures["ebgm"].value is not None


def test_an_alert_carries_every_measure():
    assert set(of_pair(ledger_of(ROWS))) == {
        "expected", "prr", "ror", "rrr", "q", "chi2", "ic", "llr", "ebgm", "chi2_fdr", "llr_p", "tic", "surge_p", "surge_fdr",
    }  # fmt: skip


def test_the_order_in_which_reports_came_changes_no_bit_of_a_measure():
    once = of_pair(ledger_of(ROWS, bucket=HOUR))
    # Longer buckets give drugs, reactions and pairs other codes, and so the sums another order.
    again = of_pair(ledger_of(ROWS, bucket=240 * HOUR))
    assert once == again
    assert None not in (once["ebgm"].lower, once["surge_fdr"].value, once["llr_p"].value)


def test_a_window_with_few_pairs_has_no_ebgm():
    rows = [*background(40, END - HOUR), *[row(f"p{i}", END - 1000 + i, PAIR, author=f"a{i}") for i in range(4)]]
    measures = of_pair(ledger_of(rows))
    assert measures["ebgm"] == Measure(None, None, None)
    assert measures["chi2_fdr"].value is not None


def test_pairs_that_are_not_mapped_are_no_tests_among_the_others():
    with_more = [row(r.post_id, r.at_ms, *r.pairs, (r.pairs[0][0], "unmapped"), author=r.author) for r in ROWS]
    assert of_pair(ledger_of(with_more)) == of_pair(ledger_of(ROWS))


def days(counts: list[int], pair=PAIR) -> list[Row]:
    """So many reports of a pair on each of the days before END, the last one's in its last hour."""
    return [
        row(f"{pair}{day}-{i}", END - (len(counts) - 1 - day) * 24 * HOUR - 1000 - i, pair, author=f"{pair}{day}-{i}")
        for day, number in enumerate(counts)
        for i in range(number)
    ]


def test_the_temporal_ic_compares_the_hours_of_the_rule_with_the_rest_of_the_window():
    others = {(PAIR[0], "rash"): 4, ("other", PAIR[1]): 10, ("other", "rash"): 30}
    rows = [r for pair, daily in others.items() for r in days([daily] * 25, pair)]
    ledger = ledger_of(days([1] * 20 + [6] * 5) + rows)
    rules = rules_with(time__recent_hours=5 * 24)
    # Recent: 30 of the pair, 20, 50 and 150 of the others; before: 20, and 80, 200 and 600.
    expected = np.array([(30 + 20) * (30 + 50) / (30 + 20 + 50 + 150)])
    before = np.array([(20 + 80) * (20 + 200) / (20 + 80 + 200 + 600)])
    by_hand = change.temporal_ic(np.array([30]), expected, np.array([20]), before)
    found = of_pair(ledger, rules=rules)["tic"]
    assert (found.value, found.lower, found.upper) == pytest.approx(
        (by_hand.value[0], by_hand.lower[0], by_hand.upper[0])
    )
    assert found.lower > 0
    assert of_pair(ledger, rules=rules_with(time__recent_hours=10 * 24))["tic"].value < found.value


def test_a_window_that_is_no_longer_than_the_recent_hours_has_no_temporal_ic():
    common = ("d0", "r0")
    assert of_pair(ledger_of(ROWS), hours=168, pair=common)["tic"].value is None
    assert of_pair(ledger_of(ROWS), hours=672, pair=common)["tic"].value is not None


def test_a_pair_that_comes_up_in_the_newest_hour_surges_and_a_steady_one_does_not():
    pairs = {("steady", "rash"): [24] * 30, PAIR: [1] * 29 + [12], ("other", "rash"): [50] * 30}
    ledger = ledger_of([r for pair, counts in pairs.items() for r in spread(counts, pair)])
    assert of_pair(ledger)["surge_fdr"].value < 0.001
    assert of_pair(ledger, pair=("steady", "rash"))["surge_fdr"].value > 0.05


def spread(counts: list[int], pair: tuple[str, str]) -> list[Row]:
    """The same over the hours of each day, but for what a last day has over the day before: that comes in the last hour."""
    rows = []
    for day, number in enumerate(counts):
        usual = min(number, counts[0])
        for i in range(number):
            back = (len(counts) - 1 - day) * 24 * HOUR
            within = i * 24 * HOUR // usual if i < usual else 0
            rows.append(row(f"{pair}{day}-{i}", END - back - within - 1000 - i, pair, author=f"{pair}{day}-{i}"))
    return rows


def test_the_time_before_the_first_report_is_no_past_without_reports():
    ledger = ledger_of(days([2] * 20))
    long, short = (of_pair(ledger, hours)["surge_p"].value for hours in (2160, 504))
    assert long == short


def test_a_bucket_without_a_past_has_no_surge():
    ledger = ledger_of([*background(60, END - HOUR // 2), *ROWS[-6:]])
    assert of_pair(ledger)["surge_p"].value is None


def test_nothing_of_all_pairs_is_computed_where_the_other_rules_have_decided(monkeypatch):
    monkeypatch.setattr("shared.signals.window_measures.empirical_bayes", lambda a, expected: pytest.fail("fitted"))
    for changes in ({"policy__authors": 100}, {"evans__prr": 1e5, "evans__reports": 1000}):
        rules = rules_with(policy__rules=["evans", "eb05"], **changes)
        assert evaluate(ledger_of(ROWS), END, rules, lambda drug: drug == "d0") == []
    [finding] = evaluate(ledger_of(ROWS), END, RULES, lambda drug: drug == PAIR[0])
    assert finding.rules == ("ic025",)


OUT_OF_REACH = {
    "evans": {"evans__prr": 1e5}, "ror": {"ror__lower": 1e5}, "ic025": {"ic025__lower": 20.0}, "q": {"q__lower": 2.0},
    "eb05": {"eb05__lower": 1e5}, "mhra": {"mhra__eb05": 1e5, "mhra__ebgm": 1e5}, "chi2": {"chi2__rate": 1e-300},
    "llr": {"llr__p": 1e-9},
}  # fmt: skip


def test_every_rule_of_the_rule_file_can_be_one_of_the_policy():
    assert set(OUT_OF_REACH) == set(CRITERIA)


@pytest.mark.parametrize("rule", OUT_OF_REACH)
def test_every_rule_can_decide_about_a_live_alert(rule):
    beside = [("d0", PAIR[1]), (PAIR[0], "r0")] * 6
    rows = [row(f"q{i}", END - (5 + i) * HOUR, pair, author=f"q{i}") for i, pair in enumerate(beside)]
    ledger = ledger_of([*ROWS, *rows])
    alone = {"policy__rules": [rule], "time__windows_hours": [2160]}
    [finding] = evaluate(ledger, END, rules_with(**alone), lambda drug: drug == PAIR[0])
    assert finding.rules == (rule,)
    assert evaluate(ledger, END, rules_with(**alone, **OUT_OF_REACH[rule]), lambda drug: drug == PAIR[0]) == []

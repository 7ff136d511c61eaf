"""Changes of pairs over days: how often chance alone is taken for a change, and what has no answer."""

from __future__ import annotations

import numpy as np
import pytest

from shared.errors import AdrwatchError
from shared.signals.counts import Reports
from shared.signals.over_time import Span, changes, span_of

CONTROL, WINDOW = 364, 28
SPAN = Span(0, CONTROL, CONTROL + WINDOW)
# Reports of a drug and a reaction that keep every day alike, so that no weekday is busier than another.
BACKGROUND = 40


def reports_of(by_day: np.ndarray) -> tuple[Reports, np.ndarray]:
    """Reports of pairs that share no drug and no reaction, from their counts [pairs, days], before a steady background."""
    pairs, days = by_day.shape
    counts = np.vstack([by_day, np.full((1, days), BACKGROUND)])
    pair, day = (np.repeat(place.ravel(), counts.ravel()) for place in np.indices(counts.shape))
    names = [f"n{i}" for i in range(pairs + 1)]
    return Reports(names, names, np.arange(len(pair)), pair, pair), day


def unchanged(mean: float, pairs: int, seed: int, control: int = CONTROL) -> np.ndarray:
    """Counts of pairs with the same rate on every day: `mean` reports in the control window on average."""
    return np.random.default_rng(seed).poisson(mean / control, (pairs, control + WINDOW))


@pytest.mark.parametrize("least", [1, 3])
@pytest.mark.parametrize("control", [28, CONTROL])
@pytest.mark.parametrize("mean", [1.5, 3.0, 5.0, 10.0, 60.0])
def test_pairs_that_have_not_changed_are_rejected_no_oftener_than_alpha(control, mean, least):
    pairs = 4_000
    span = Span(0, control, control + WINDOW)
    found = changes(*reports_of(unchanged(mean, pairs, 7, control)), span, least_reports=least)
    rejected = (found.columns["max_llr"] >= found.columns["critical"]).sum()
    # The rest of the pairs has no report in the window. Three standard errors are allowed for.
    assert rejected / pairs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / pairs)
    if mean >= 10 and (least == 1 or mean / control * WINDOW > least):
        assert rejected / pairs >= 0.03


def test_a_pair_that_doubles_is_found_by_its_control_reports():
    by_day = unchanged(40.0, 2_000, 8)
    by_day[:, CONTROL:] += np.random.default_rng(9).poisson(3 * 40 / CONTROL, (2_000, WINDOW))
    found = changes(*reports_of(by_day), SPAN)
    assert (found.columns["max_llr"] >= found.columns["critical"]).mean() > 0.9


def test_a_rare_pair_needs_the_least_reports_and_no_more():
    by_day = np.zeros((4, 371), dtype=np.int64)
    by_day[:, 5] = 1
    by_day[0, 364] = 1
    by_day[1, [364, 365]] = 1
    by_day[2, [368, 369, 370]] = 1
    by_day[3] = 0
    by_day[3, ::10] = 1
    columns = changes(*reports_of(by_day), Span(0, 364, 371)).columns
    rejected = columns["max_llr"] >= columns["critical"]
    assert np.isfinite(columns["critical"]).all()
    assert columns["max_llr"][:2].tolist() == [0, 0]
    assert rejected.tolist() == [False, False, True, False, False]
    # A single report is enough where that is asked for.
    single = changes(*reports_of(by_day), Span(0, 364, 371), least_reports=1).columns
    assert (single["max_llr"] >= single["critical"])[:3].all()


def test_a_control_window_does_not_reach_before_the_first_report():
    day = np.arange(100, 160)
    assert span_of(day, None, 28, 364) == Span(100, 132, 160)
    assert span_of(day, None, 28, 20) == Span(112, 132, 160)
    assert span_of(day, 149, 7, 364) == Span(100, 143, 150)


@pytest.mark.parametrize(
    ("until", "window", "message"),
    [(None, 55, "begin 5 days before the window"), (120, 28, "begin 0 days before the window")],
)
def test_too_short_a_past_is_refused(until, window, message):
    with pytest.raises(AdrwatchError, match=message):
        span_of(np.arange(100, 160), until, window, 364)


def test_a_window_before_all_reports_is_refused():
    reports, day = reports_of(np.ones((1, 60), dtype=np.int64))
    with pytest.raises(AdrwatchError, match="no report falls into the window"):
        changes(reports, day, span_of(day, -1, 28, 364))


def test_the_days_before_the_first_report_make_no_difference():
    by_day = np.tile(np.array([[2], [3]]), (1, 60))
    by_day[0, -5:] = 6
    reports, day = reports_of(by_day)
    short, long = (changes(reports, day, span_of(day, None, 7, control)) for control in (53, 364))
    for name, column in short.columns.items():
        np.testing.assert_array_equal(column, long.columns[name], err_msg=name)
    # Twice or thrice a day and no change: expected is what came.
    assert short.columns["tic"][1] == pytest.approx(0.0, abs=0.3)


def test_the_order_of_the_rows_does_not_matter():
    reports, day = reports_of(unchanged(30.0, 6, 3))
    order = np.random.default_rng(0).permutation(len(day))
    turned = Reports(
        reports.drugs, reports.reactions, reports.report[order], reports.drug[order], reports.reaction[order]
    )
    one, other = changes(reports, day, SPAN), changes(turned, day[order], SPAN)
    for name, column in one.columns.items():
        np.testing.assert_array_equal(column, other.columns[name], err_msg=name)

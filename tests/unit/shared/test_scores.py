"""Scores, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from shared.scores import (
    Counts,
    auroc,
    average_precision,
    best_threshold,
    bootstrap,
    brier,
    decisions,
    overlapping,
    strict,
    total,
)

LABELS = np.asarray([1, 0, 1, 0])
SCORES = np.asarray([0.9, 0.8, 0.7, 0.1])


def test_strict_wants_both_boundaries() -> None:
    counts = strict([(0, 4), (10, 12)], [(0, 4), (10, 13), (20, 22)])
    assert (counts.precision, counts.recall) == (0.5, pytest.approx(1 / 3))
    assert counts.f1 == pytest.approx(0.4)


def test_overlapping_wants_one_common_character() -> None:
    counts = overlapping([(0, 4), (12, 14)], [(3, 6), (4, 5), (10, 12)])
    assert (counts.hits, counts.found, counts.predicted, counts.gold) == (1, 1, 2, 3)


def test_undefined_scores_are_nan_and_misses_are_zero() -> None:
    nothing = Counts(0, 0, 0, 0)
    assert math.isnan(nothing.precision)
    assert math.isnan(nothing.recall)
    assert math.isnan(nothing.f1)
    assert Counts(0, 0, 0, 3).f1 == 0.0


def test_counts_of_posts_add_up() -> None:
    assert total([Counts(1, 1, 2, 3), Counts(1, 0, 1, 1)]) == Counts(2, 1, 3, 4)


def test_ranking_scores_agree_with_hand_work() -> None:
    assert auroc(LABELS, SCORES) == pytest.approx(0.75)
    assert average_precision(LABELS, SCORES) == pytest.approx((1 + 2 / 3) / 2)
    assert auroc(LABELS, np.full(4, 0.5)) == pytest.approx(0.5)
    assert average_precision(LABELS, np.full(4, 0.5)) == pytest.approx(0.5)
    assert math.isnan(auroc(np.ones(3, dtype=np.int64), SCORES[:3]))
    assert math.isnan(average_precision(np.zeros(3, dtype=np.int64), SCORES[:3]))


def test_brier_is_the_mean_squared_distance() -> None:
    assert brier(LABELS, SCORES) == pytest.approx((0.01 + 0.64 + 0.09 + 0.01) / 4)


def test_decisions_count_the_positive_class() -> None:
    assert decisions(LABELS, SCORES >= 0.75) == Counts(1, 1, 2, 2)


def test_the_threshold_lies_between_scores() -> None:
    assert best_threshold(np.asarray([0, 0, 1, 1]), np.asarray([0.1, 0.2, 0.8, 0.9])) == pytest.approx(0.5)


def test_the_bootstrap_is_repeatable_and_encloses_the_value() -> None:
    values = np.arange(100.0)
    first = bootstrap(100, lambda index: float(values[index].mean()), seed=3, rounds=200)
    assert first == bootstrap(100, lambda index: float(values[index].mean()), seed=3, rounds=200)
    assert first is not None
    assert first[0] < values.mean() < first[1]
    assert bootstrap(5, lambda index: float("nan"), seed=3, rounds=20) is None

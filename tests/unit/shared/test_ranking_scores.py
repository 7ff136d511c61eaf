"""Scores of probabilities, against values worked out by hand and against the scores of one sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ranking_scores import Bin, calibration, calibration_curve, precision_recall_curve, ranking
from shared.resampling import estimates
from shared.scores import auroc, average_precision, brier

LABELS = np.asarray([1, 0, 1, 0])
PROBABILITIES = np.asarray([0.9, 0.8, 0.7, 0.1])


def test_ranking_and_distance_agree_with_hand_work() -> None:
    found = estimates(4, ranking(LABELS, PROBABILITIES), seed=1)
    assert found["auroc"].value == 0.75
    assert found["average precision"].value == pytest.approx((1 + 2 / 3) / 2, abs=1e-4)
    assert estimates(4, calibration(LABELS, PROBABILITIES), seed=1)["brier"].value == 0.1875


def test_calibration_error_weighs_each_bin_by_its_posts() -> None:
    labels = np.asarray([1, 0, 0, 0, 1])
    probabilities = np.asarray([0.22, 0.24, 0.26, 0.28, 1.0])
    # Bin .2 to .3: mean .25, observed 1 of 4; bin .9 to 1: mean 1, observed 1.
    assert estimates(5, calibration(labels, probabilities), seed=1)["expected calibration error"].value == 0.0
    probabilities[4] = 0.95
    assert estimates(5, calibration(labels, probabilities), seed=1)["expected calibration error"].value == 0.01
    assert calibration_curve(labels, probabilities) == [Bin(0.25, 0.25, 4), Bin(0.95, 1.0, 1)]


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=30).filter(
        lambda rows: sum(weight for *_, weight in rows) > 0
    )
)
def test_a_weight_counts_like_that_many_copies_of_the_post(rows: list[tuple[bool, int, int]]) -> None:
    labels = np.asarray([int(label) for label, _, _ in rows])
    probabilities = np.asarray([score / 5 for _, score, _ in rows])
    weights = np.asarray([weight for *_, weight in rows])
    copied, scored = np.repeat(labels, weights), np.repeat(probabilities, weights)
    found = {
        **ranking(labels, probabilities)(weights[None, :] * 1.0),
        **calibration(labels, probabilities)(weights[None, :] * 1.0),
    }
    assert found["auroc"][0] == pytest.approx(auroc(copied, scored), nan_ok=True)
    assert found["average precision"][0] == pytest.approx(average_precision(copied, scored), nan_ok=True)
    assert found["brier"][0] == pytest.approx(brier(copied, scored))


def test_the_curve_takes_equal_scores_together() -> None:
    points = precision_recall_curve(np.asarray([1, 0, 1, 0]), np.asarray([0.9, 0.5, 0.5, 0.1]))
    assert points == [(0.9, 1.0, 0.5), (0.5, 0.6667, 1.0), (0.1, 0.5, 1.0)]
    assert precision_recall_curve(np.zeros(3, dtype=np.int64), np.asarray([0.1, 0.2, 0.3])) == []


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    labels = np.arange(1000) % 2
    points = precision_recall_curve(labels, np.linspace(1, 0, 1000), most=50)
    assert len(points) == 50
    assert points[0][0] == 1.0
    assert points[-1][1:] == (0.5, 1.0)

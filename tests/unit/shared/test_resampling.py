"""Bootstrap over posts: scores with weights 1 are the scores, intervals are repeatable, and many rounds are quick."""

from __future__ import annotations

import time

import numpy as np
import pytest

from shared.resampling import count_scores, draws, estimates, together


def test_a_round_draws_as_many_posts_as_there_are() -> None:
    blocks = list(draws(7, seed=1, rounds=20))
    weights = np.concatenate(blocks)
    assert weights.shape == (20, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert weights.max() > 1


def test_rounds_are_the_same_for_the_same_seed_only() -> None:
    first, again, other = (np.concatenate(list(draws(50, seed, 10))) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_counts_of_posts_are_summed_before_they_are_divided() -> None:
    table = np.asarray([[1, 1, 2, 1], [0, 0, 0, 3]])
    found = estimates(2, count_scores(table, "strict "), seed=3)
    assert found["strict precision"].value == 0.5
    assert found["strict recall"].value == 0.25
    assert found["strict f1"].value == pytest.approx(1 / 3, abs=1e-4)


def test_undefined_scores_are_nan_and_misses_are_zero() -> None:
    nothing = estimates(1, count_scores(np.asarray([[0, 0, 0, 0]])), seed=3)
    assert np.isnan([nothing[name].value for name in ("precision", "recall", "f1")]).all()
    assert nothing["f1"].interval is None
    assert estimates(1, count_scores(np.asarray([[0, 0, 0, 2]])), seed=3)["f1"].value == 0


def test_rounds_without_a_score_are_left_out_of_its_interval() -> None:
    # In some rounds the only predicted post is not drawn: precision is undefined there.
    found = estimates(3, count_scores(np.asarray([[1, 1, 1, 1], [0, 0, 0, 1], [0, 0, 0, 1]])), seed=3)
    assert found["precision"].interval == [1.0, 1.0]


def test_the_interval_of_a_proportion_is_that_of_the_normal_approximation() -> None:
    hits = np.arange(400) % 4 == 0
    table = np.stack([hits, hits, np.ones(400, dtype=bool), hits], axis=1)
    estimate = estimates(400, count_scores(table), seed=3)["precision"]
    half = 1.96 * (0.25 * 0.75 / 400) ** 0.5
    assert estimate.value == 0.25
    assert estimate.interval == pytest.approx([0.25 - half, 0.25 + half], abs=0.006)


def test_scores_taken_together_keep_their_names() -> None:
    table = np.asarray([[1, 1, 1, 1]])
    both = together([count_scores(table, "strict "), count_scores(table, "overlapping ")])
    assert len(estimates(1, both, seed=3)) == 6


def test_a_thousand_rounds_over_many_posts_take_seconds() -> None:
    table = np.random.default_rng(0).integers(0, 3, (4000, 4))
    began = time.process_time()
    estimates(4000, count_scores(table), seed=3)
    assert time.process_time() - began < 5

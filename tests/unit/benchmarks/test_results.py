"""The numbers that follow from what was measured."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.results import (
    Quantiles,
    Spread,
    discord,
    peaks,
    processor,
    quantiles,
    rates,
    ratios,
    shares,
    spread,
)
from tests.unit.benchmarks.made_up import MIB, OUTCOMES, RUNS, run


def test_rates_are_posts_by_seconds_round_by_round() -> None:
    assert rates(RUNS, "a", False) == [50.0, 25.0]
    assert rates(RUNS[::-1], "b", True) == [400.0, 250.0]


def test_a_ratio_is_made_within_its_round() -> None:
    assert ratios(RUNS, "b", False) == [4.0, 5.0]
    assert ratios(RUNS, "c", True) == [5.0, 8.0]
    assert ratios(RUNS, "a", False) == [1.0, 1.0]


def test_rounds_without_the_plain_pipeline_have_no_ratio() -> None:
    assert ratios([run for run in RUNS if (run.part, run.round) != ("a", 1)], "b", False) == [5.0]


def test_spread_is_the_median_between_its_extremes_and_nothing_of_nothing() -> None:
    assert spread([3.0, 1.0, 10.0]) == Spread(3.0, 1.0, 10.0)
    assert spread([]) is None


def test_quantiles_of_a_hundred_values_are_the_fiftieth_and_the_ninety_ninth() -> None:
    assert quantiles([float(value) for value in range(100, 0, -1)]) == Quantiles(100, 50.0, 99.0)


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_quantiles_are_values_that_occurred_in_order(values: list[float]) -> None:
    found = quantiles(values)
    assert found.samples == len(values)
    assert {found.p50, found.p99} <= set(values)
    assert found.p50 <= found.p99


def test_quantiles_of_nothing_are_no_numbers() -> None:
    found = quantiles([])
    assert found.samples == 0
    assert math.isnan(found.p50)
    assert math.isnan(found.p99)


def test_peaks_are_the_highest_over_all_runs_for_the_largest_the_second_and_so_on() -> None:
    assert peaks(RUNS)["pipeline"] == (410 * MIB, 380 * MIB)
    assert peaks([run("c", True, 1, 1, memory={"x": (1,)}), run("c", True, 2, 1, memory={"x": (2, 3)})]) == {
        "x": (3, 2)
    }


def test_rounds_whose_runs_decided_differently_are_named() -> None:
    assert discord(RUNS) == []
    odd = run("c", True, 2, 1.0, outcomes={**OUTCOMES, "mentions": 9, "negative": 31})
    assert discord([*RUNS, odd]) == [2]


def test_shares_count_each_post_once() -> None:
    assert shares(RUNS) == (200, 120, 20)


def test_shares_without_the_steps_in_process_do_not_know_what_the_classifier_passed() -> None:
    assert shares([run for run in RUNS if run.part == "c"]) == (200, 120, None)
    assert shares([run for run in RUNS if run.part == "a"]) is None


def test_a_rate_needs_no_whole_seconds() -> None:
    assert run("b", True, 1, 0.3, posts=33).rate == pytest.approx(110)


def test_processor_time_is_milliseconds_a_post_over_all_rounds_the_largest_first() -> None:
    rounds = [
        run("c", True, 1, 1.0, processor={"kafka": 0.1, "pipeline": 0.5}),
        run("c", True, 2, 1.0, processor={"kafka": 0.3, "pipeline": 0.7}),
    ]
    assert list(processor(rounds).items()) == [("pipeline", pytest.approx(6.0)), ("kafka", pytest.approx(2.0))]
    assert processor(RUNS) == {}

"""Change over time: temporal IC, surges, seasons of the week."""

from __future__ import annotations

import numpy as np
import pytest

from shared.signals.change import surge_p, temporal_ic, weekday_season
from shared.signals.interaction import expected_together, omega


def test_a_reaction_that_the_drug_always_had_is_no_news():
    # Four times the expectation now, and four times before.
    found = temporal_ic(np.array([40]), np.array([10.0]), np.array([400]), np.array([100.0]))
    assert found.value[0] == pytest.approx(0.0)
    assert found.lower[0] < 0 < found.upper[0]


def test_a_reaction_that_is_new_to_the_drug_stands_out():
    found = temporal_ic(np.array([40]), np.array([10.0]), np.array([100]), np.array([100.0]))
    assert found.value[0] == pytest.approx(np.log2(40.5 / 10.5))
    assert found.lower[0] > 0


def test_without_a_control_expectation_there_is_no_temporal_ic():
    assert np.isnan(temporal_ic(np.array([4]), np.array([1.0]), np.array([0]), np.array([0.0])).value[0])


def test_a_surge_is_judged_by_the_pairs_own_past():
    past = np.array([[1] * 28, [20] * 28])
    p = surge_p(np.array([12, 22]), past, np.ones(28), 1.0)
    assert p[0] < 1e-6
    assert 0.2 < p[1] < 0.5


def test_predictions_of_a_quiet_past_hold_their_level():
    generator = np.random.default_rng(5)
    counts = generator.poisson(3.0, (4_000, 29))
    p = surge_p(counts[:, -1], counts[:, :-1], np.ones(28), 1.0)
    assert (p < 0.05).mean() <= 0.06


def test_a_busy_weekday_is_expected_to_be_busy():
    weekdays = np.arange(56) % 7
    totals = np.where(weekdays == 0, 700, 100)
    season = weekday_season(totals, weekdays)
    assert season[0] > 3 * season[1]
    past = np.where(weekdays[None] == 0, 14, 2)
    busy = surge_p(np.array([14]), past, season[weekdays], season[0])
    quiet = surge_p(np.array([14]), past, season[weekdays], season[1])
    assert quiet[0] < 0.001 < 0.1 < busy[0]


def test_a_past_without_days_says_nothing():
    assert np.isnan(surge_p(np.array([3]), np.empty((1, 0), dtype=int), np.empty(0), 1.0))[0]
    assert weekday_season(np.zeros(3, dtype=int), np.arange(3)).tolist() == [1.0] * 7


def columns(*values: int) -> tuple[np.ndarray, ...]:
    return tuple(np.array([value]) for value in values)


def test_two_drugs_whose_effects_add_up_do_not_interact():
    # Risks of 1 % with neither, 5 % and 8 % with one: additive excess gives close to 12 % with both.
    reports = columns(100_000, 10_000, 10_000, 1_000)
    with_reaction = columns(1_000, 500, 800, 120)
    assert expected_together(with_reaction, reports)[0] == pytest.approx(115, abs=6)
    assert abs(omega(with_reaction, reports).value[0]) < 0.15


def test_two_drugs_with_far_more_reports_together_interact():
    found = omega(columns(1_000, 500, 800, 400), columns(100_000, 10_000, 10_000, 1_000))
    assert found.lower[0] > 0


def test_a_drug_that_seems_to_protect_does_not_lower_the_expectation():
    reports = columns(1_000, 1_000, 1_000, 100)
    assert expected_together(columns(100, 10, 100, 10), reports)[0] == pytest.approx(10.0)


def test_without_reports_of_one_drug_alone_there_is_no_omega():
    assert np.isnan(omega(columns(10, 0, 5, 3), columns(100, 0, 50, 10)).value[0])

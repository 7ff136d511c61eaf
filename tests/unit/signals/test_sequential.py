"""MaxSPRT: published critical values, and simulated surveillance that rejects as often as it should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import nbinom, poisson

from shared.errors import AdrwatchError
from shared.signals.measures import poisson_llr
from shared.signals.sequential import (
    conditional_chance,
    conditional_critical_value,
    conditional_llr,
    conditional_reached,
    critical_value,
    reached,
)

# Kulldorff et al. 2011, table 1, and the values of the R package Sequential (alpha = 0.05).
PUBLISHED = {1: 2.853937, 2: 3.046977, 5: 3.297183, 10: 3.467952, 20: 3.628123, 50: 3.819903, 100: 3.952321}


@pytest.mark.parametrize(("planned", "value"), PUBLISHED.items())
def test_critical_values_are_those_published(planned, value):
    assert critical_value(planned) == pytest.approx(value, abs=1e-6)


def test_a_least_number_of_events_lowers_the_critical_value():
    assert critical_value(10, least_events=4) == pytest.approx(2.921562, abs=1e-6)


def test_simulated_surveillance_without_any_effect_rejects_in_one_of_twenty():
    generator = np.random.default_rng(3)
    planned, critical = 5.0, critical_value(5.0)
    rejected = 0
    for _ in range(4_000):
        moments = np.cumsum(generator.exponential(size=60))
        moments = moments[moments < planned]
        rejected += bool((poisson_llr(np.arange(1, len(moments) + 1), moments) >= critical).any())
    assert rejected / 4_000 == pytest.approx(0.05, abs=0.012)


def test_a_higher_ratio_is_reached_less_often():
    chances = [reached(height, 10.0) for height in (0.5, 1.0, 2.0, 4.0, 8.0)]
    assert chances == sorted(chances, reverse=True)
    assert 0 < chances[-1] < chances[0] < 1


@pytest.mark.parametrize(
    "wrong", [(0.0, 0.05, 1), (1.0, 1e-9, 1), (1.0, 0.0, 1), (1.0, 1.0, 1), (1.0, 0.05, 0), (float("nan"), 0.05, 1)]
)
def test_surveillance_that_cannot_be_is_refused(wrong):
    with pytest.raises(AdrwatchError, match="no critical value"):
        critical_value(*wrong)


def test_more_events_than_can_come_are_refused():
    with pytest.raises(AdrwatchError, match="never as likely"):
        critical_value(0.5, least_events=10)


WINDOW = np.arange(1, 29) / 28


def moment(control: int, count: int, critical: float) -> float:
    """The exposure until which a count rejects."""

    def height(exposure: float) -> float:
        return float(conditional_llr(np.array(control), np.array(count), np.array(exposure))) - critical

    return float(brentq(height, 1e-12, count / control))


def test_the_published_critical_value_given_twenty_control_events_lies_between_the_bounds():
    # The R package Sequential: 20 events before, up to 20 now, of which the first may not reject: 3.149115, between its two bounds.
    counts = np.arange(2, 21)
    moments = np.array([moment(20, count, 3.149115) for count in counts.tolist()])
    assert conditional_chance(counts, 20, moments) < 0.05 < conditional_chance(counts, 21, moments)


def test_with_ever_more_control_events_the_rate_is_as_good_as_known():
    planned, critical, many = 5.0, critical_value(5.0), 10**7
    counts = np.arange(1, 40)
    moments = np.array([moment(many, count, critical) for count in counts.tolist()]) * many
    inside = moments < planned
    looks = np.array([*moments[inside], planned])
    chance = conditional_chance(np.append(counts[inside], inside.sum() + 1), many + 1, looks / many)
    assert chance == pytest.approx(reached(critical, planned), abs=1e-5)
    ratio = conditional_llr(np.array(many), np.array(12), np.array(planned / many))
    assert ratio == pytest.approx(poisson_llr(np.array([12]), np.array([planned]))[0], abs=1e-5)


@pytest.mark.parametrize("events", [1, 3])
@pytest.mark.parametrize("length", [1 / 52, 1 / 13, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("mean", [0.2, 1.0, 3.0, 8.0, 25.0])
def test_whatever_the_rate_an_unchanged_pair_is_rejected_no_oftener_than_alpha(length, mean, events):
    """Exactly: over all counts that the control window may have, and all courses of the window."""
    looks = length * WINDOW
    total = 0.0
    for control in np.flatnonzero(poisson.pmf(np.arange(1, 80), mean) > 1e-7) + 1:
        critical = conditional_critical_value(int(control), looks, least_events=events)
        limits = np.array([max(least(int(control), exposure, critical), events) for exposure in looks])
        # A gamma distribution of so great a shape is a known rate.
        sure = 1e9
        total += poisson.pmf(control, mean) * conditional_chance(limits, sure, mean * looks / sure)
    assert total <= 0.05


def least(control: int, exposure: float, critical: float) -> int:
    counts = np.arange(400)
    return int(np.argmax(conditional_llr(np.array(control), counts, np.array(exposure)) >= critical))


@pytest.mark.parametrize("control", [1, 4, 30, 300])
def test_simulated_windows_reach_a_height_as_often_as_computed(control):
    generator = np.random.default_rng(control)
    rates = generator.gamma(control + 1, size=20_000)
    counts = np.cumsum(generator.poisson(rates[:, None] / 28, (20_000, 28)), axis=1)
    greatest = conditional_llr(np.array(control), counts, WINDOW[None]).max(axis=1)
    for height in (0.7, 1.5, 3.0):
        assert (greatest >= height).mean() == pytest.approx(conditional_reached(height, control, WINDOW), abs=0.011)


@given(st.integers(1, 3_000), st.floats(0.01, 5), st.floats(0.001, 0.3), st.integers(1, 5))
def test_a_conditional_critical_value_keeps_its_level_and_is_the_least_that_does(control, length, alpha, events):
    looks = length * WINDOW
    critical = conditional_critical_value(control, looks, alpha, events)
    assert conditional_reached(critical, control, looks, events) <= alpha
    if conditional_reached(1e-6, control, looks, events) > alpha:
        assert conditional_reached(max(critical - 3e-4, 1e-6), control, looks, events) > alpha
    else:
        # So many events are rarer than alpha, whenever they come: they reach it at every look.
        assert nbinom.sf(events - 1, control + 1, 1 / (1 + length)) <= alpha * (1 + 1e-9)
        assert (conditional_llr(control, np.array(events), looks) >= critical).all()


def test_without_a_control_event_there_is_no_conditional_test():
    assert np.isnan(conditional_critical_value(0, WINDOW))


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.floats(1e-3, 1e3))
def test_the_conditional_ratio_grows_with_the_count_and_never_passes_that_of_a_known_rate(control, count, exposure):
    now, more = conditional_llr(np.array(control), np.array([count, count + 1]), np.array(exposure))
    assert 0 <= now <= more * (1 + 1e-9) + 1e-9
    known = poisson_llr(np.array([count]), np.array([control * exposure]))[0]
    assert now <= known * (1 + 1e-9) + 1e-6


def test_counts_far_above_any_that_a_look_can_have_are_handled():
    assert 0 < conditional_critical_value(100_000, WINDOW / 13) < 10
    assert 0 < conditional_critical_value(1, 300 * WINDOW) < 10

"""Change over time: temporal IC, surges, seasons of the week."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from shared.signals.change import surge_p, temporal_ic, weekday_season
from shared.signals.interaction import expected_together, omega
from shared.signals.measures import shrunk


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


counts = st.integers(0, 10**4)
expectations = st.floats(1e-3, 1e4)


@given(counts, expectations, counts, expectations, st.integers(2, 20))
def test_the_temporal_ic_goes_by_the_ratio_of_the_control_window_alone(n, expected, control_n, control_expected, times):
    one = temporal_ic(np.array([n]), np.array([expected]), np.array([control_n]), np.array([control_expected]))
    other = temporal_ic(
        np.array([n]), np.array([expected]), np.array([control_n * times]), np.array([control_expected * times])
    )
    np.testing.assert_allclose(
        [one.value, one.lower, one.upper], [other.value, other.lower, other.upper], rtol=1e-9, atol=1e-12
    )
    assert one.lower[0] < one.value[0] < one.upper[0]


@given(counts, expectations, counts, expectations)
def test_the_temporal_ic_rises_with_the_window_and_falls_with_the_control_window(
    n, expected, control_n, control_expected
):
    found = temporal_ic(
        np.array([n, n + 1, n]),
        np.full(3, expected),
        np.array([control_n, control_n, control_n + 1]),
        np.full(3, control_expected),
    )
    for bound in (found.value, found.lower, found.upper):
        assert bound[2] < bound[0] < bound[1]


@given(counts, expectations)
def test_a_pair_as_expected_in_the_control_window_has_the_ic_of_the_window(n, expected):
    found = temporal_ic(np.array([n]), np.array([expected]), np.array([50]), np.array([50.0]))
    plain = shrunk(np.array([n]), np.array([expected]))
    assert (found.value[0], found.lower[0]) == pytest.approx((plain.value[0], plain.lower[0]))


pasts = st.lists(st.integers(0, 200), min_size=1, max_size=40)


@given(st.integers(0, 500), pasts, st.floats(0.1, 10))
def test_a_greater_count_is_a_greater_surge_and_a_busier_past_a_smaller_one(observed, past, season_now):
    season = np.ones(len(past))
    table = np.array([past, past, [count + 1 for count in past]])
    p = surge_p(np.array([observed, observed + 1, observed]), table, season, season_now)
    assert ((p >= 0) & (p <= 1)).all()
    assert p[1] <= p[0] <= p[2]
    assert surge_p(np.array([0]), table[:1], season, season_now)[0] == 1.0
    # A busier bucket is expected to have more.
    assert surge_p(np.array([observed]), table[:1], season, 2 * season_now)[0] >= p[0]


@given(st.integers(0, 500), pasts, st.randoms(use_true_random=False))
def test_the_order_of_the_past_does_not_matter_to_a_surge(observed, past, random):
    season = np.linspace(0.5, 1.5, len(past))
    order = random.sample(range(len(past)), len(past))
    one, other = (
        surge_p(np.array([observed]), np.array([past])[:, at], season[at], 1.0) for at in (np.arange(len(past)), order)
    )
    assert one[0] == pytest.approx(other[0], rel=1e-9, abs=1e-300)


def test_a_surge_of_a_long_past_is_that_of_a_poisson_count():
    p = surge_p(np.array([9]), np.full((1, 100_000), 4), np.ones(100_000), 1.0)
    assert p[0] == pytest.approx(poisson.sf(8, 4.0), rel=1e-3)


@given(
    st.lists(st.tuples(st.integers(0, 1_000), st.integers(0, 6)), min_size=1, max_size=60),
    st.randoms(use_true_random=False),
)
def test_seasons_are_positive_and_do_not_depend_on_the_order_of_the_days(days, random):
    totals, weekdays = np.array(days).T
    season = weekday_season(totals, weekdays)
    assert season.shape == (7,)
    assert (season > 0).all()
    order = random.sample(range(len(days)), len(days))
    np.testing.assert_allclose(weekday_season(totals[order], weekdays[order]), season)
    np.testing.assert_allclose(weekday_season(np.full(len(days), 7), weekdays), np.ones(7))


parts = st.tuples(*[st.tuples(st.integers(0, 500), st.integers(1, 500))] * 4)


@given(parts)
def test_two_drugs_may_change_places(groups):
    with_reaction, reports = (columns(*part) for part in zip(*[(n, n + rest) for n, rest in groups], strict=True))
    turned = [(part[0], part[2], part[1], part[3]) for part in (with_reaction, reports)]
    one, other = omega(with_reaction, reports), omega(*turned)
    np.testing.assert_allclose([one.value, one.lower, one.upper], [other.value, other.lower, other.upper])


@given(parts)
def test_what_is_expected_of_two_drugs_is_no_more_than_their_reports_and_no_less_than_of_either(groups):
    with_reaction, reports = (columns(*part) for part in zip(*[(n, n + rest) for n, rest in groups], strict=True))
    expected = expected_together(with_reaction, reports)[0]
    risks = [with_reaction[i][0] / reports[i][0] for i in range(3)]
    assert max(risks) * reports[3][0] <= expected * (1 + 1e-9)
    assert expected <= reports[3][0] * (1 + 1e-9)
    more = (*with_reaction[:3], with_reaction[3] + 1)
    assert omega(more, reports).value[0] > omega(with_reaction, reports).value[0]


@given(st.integers(1, 400), st.integers(401, 900), st.integers(0, 500), st.integers(1, 500))
def test_a_drug_without_an_effect_adds_nothing_to_the_other(n, reports, n_first, rest):
    """The second drug has the risk of those who take neither."""
    expected = expected_together(columns(n, n_first, n, 3), columns(reports, n_first + rest, reports, 100))
    assert expected[0] == pytest.approx(100 * max(n_first / (n_first + rest), n / reports))

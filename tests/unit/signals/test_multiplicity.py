"""False discovery rates by hand, and the family-wise chance against a simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.signals.counts import Margins
from shared.signals.measures import poisson_llr
from shared.signals.multiplicity import LEAST_P, FamilyWise, chi2_p, false_discovery_rate


def test_false_discovery_rates_of_a_worked_example():
    p = np.array([0.01, np.nan, 0.04, 0.03, 0.5])
    np.testing.assert_allclose(false_discovery_rate(p), [0.04, np.nan, 0.16 / 3, 0.16 / 3, 0.5])


@given(st.lists(st.floats(0, 1), max_size=30))
def test_adjusted_values_are_no_smaller_and_keep_the_order(values):
    p = np.array(values)
    adjusted = false_discovery_rate(p)
    assert (adjusted >= p).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


def test_chi_squared_of_3_841_is_significant_at_5_percent():
    assert chi2_p(np.array([3.841458820694124, 0.0, np.nan])) == pytest.approx([0.05, 1.0, np.nan], nan_ok=True)


def family_of(drug, reaction, total) -> FamilyWise:
    """Of margins [strata, drugs], [strata, reactions], [strata]; or of one stratum's [drugs], [reactions] and total."""
    return FamilyWise(Margins(np.atleast_2d(drug), np.atleast_2d(reaction), np.atleast_1d(total)))


def test_the_chance_of_the_greatest_ratio_is_that_of_a_simulation():
    drug, reaction, total = np.array([10, 20, 40]), np.array([5, 8, 30, 40]), 100
    family = family_of(drug, reaction, total)
    expected = np.outer(drug, reaction) / total
    counts = np.random.default_rng(1).poisson(expected, (40_000, 3, 4))
    greatest = poisson_llr(counts, np.broadcast_to(expected, counts.shape)).max(axis=(1, 2))
    for height in (0.5, 1.5, 2.5, 3.5):
        assert family.chance(height) == pytest.approx((greatest >= height).mean(), abs=0.01)


def test_the_critical_height_keeps_its_level_and_p_values_are_never_too_small():
    family = family_of(np.array([10, 20, 40]), np.array([5, 8, 30, 40]), 100)
    assert family.chance(family.critical()) <= 0.05 < family.chance(family.critical() - 0.02)
    llr = np.array([0.0, 1.0, 2.0, 3.0, 5.0, 50.0, np.nan])
    p = family.p(llr)
    assert np.isnan(p[-1])
    assert all(given >= min(family.chance(height), 1.0) for given, height in zip(p[1:-1], llr[1:-1], strict=True))
    assert p[0] == 1.0
    assert p[-2] <= LEAST_P * 1.1


def test_pairs_that_were_never_reported_belong_to_the_family():
    few = family_of(np.array([10]), np.array([5]), 100)
    many = family_of(np.full(50, 10), np.full(40, 5), 100)
    assert many.critical() > few.critical()


def test_an_empty_table_has_no_p_values():
    family = family_of(np.array([], dtype=int), np.array([], dtype=int), 0)
    assert np.isnan(family.p(np.array([1.0]))).all()
    assert family.critical() == 0


def test_with_strata_the_chance_is_that_of_a_simulation_over_the_sums_of_the_strata():
    drug, reaction = np.array([[40, 2, 0], [1, 30, 9]]), np.array([[50, 4], [2, 20]])
    total = np.array([60, 50])
    expected = np.einsum("sd,sr,s->dr", drug, reaction, 1 / total)
    counts = np.random.default_rng(1).poisson(expected, (40_000, 3, 2))
    greatest = poisson_llr(counts, np.broadcast_to(expected, counts.shape)).max(axis=(1, 2))
    family = family_of(drug, reaction, total)
    for height in (0.5, 1.5, 2.5, 3.5):
        assert family.chance(height) == pytest.approx((greatest >= height).mean(), abs=0.01)


def test_pairs_whose_drug_and_reaction_share_no_stratum_cannot_be_reported():
    apart = family_of(np.array([[9, 0], [0, 9]]), np.array([[5], [0]]), np.array([20, 20]))
    alone = family_of(np.array([[9]]), np.array([[5]]), np.array([20]))
    assert apart.chance(1.0) == pytest.approx(alone.chance(1.0))


def test_a_family_of_very_many_pairs_is_kept_small_and_has_nearly_the_same_chances():
    generator = np.random.default_rng(5)
    drug, reaction = (generator.integers(1, 2_000, (4, 400)) for _ in range(2))
    total = np.full(4, 400_000)
    family = family_of(drug, reaction, total)
    assert len(family._expected) < 50_000
    # Drug by drug each family is small enough to be exact.
    chances = [family_of(drug[:, [i]], reaction, total).chance(9.0) for i in range(400)]
    assert family.chance(9.0) == pytest.approx(1 - np.prod(1 - np.array(chances)), rel=1e-3)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_the_order_of_the_pairs_does_not_matter_to_false_discovery_rates(values, random):
    order = random.sample(range(len(values)), len(values))
    p = np.array(values)
    np.testing.assert_array_equal(false_discovery_rate(p)[order], false_discovery_rate(p[order]))


def test_of_one_test_and_of_tests_that_all_say_the_same_the_rate_is_the_p_value():
    assert false_discovery_rate(np.array([0.03])).tolist() == [0.03]
    assert false_discovery_rate(np.full(20, 0.2)) == pytest.approx(np.full(20, 0.2))


def test_of_many_pairs_without_any_effect_hardly_a_run_has_one_below_the_rate():
    generator = np.random.default_rng(8)
    runs = [(false_discovery_rate(generator.random(200)) < 0.05).any() for _ in range(2_000)]
    assert np.mean(runs) == pytest.approx(0.05, abs=0.015)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=5), st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_a_greater_ratio_is_rarer_and_a_further_drug_makes_it_less_rare(drugs, reactions):
    family, more = (family_of(np.array(some), np.array(reactions), 100) for some in (drugs, [*drugs, 20]))
    chances = [family.chance(height) for height in (0.1, 0.5, 1.0, 3.0, 9.0)]
    assert chances == sorted(chances, reverse=True)
    assert 0 <= chances[-1] <= chances[0] <= 1
    assert more.chance(1.0) >= family.chance(1.0)
    assert (np.diff(family.p(np.linspace(0, 20, 40))) <= 0).all()

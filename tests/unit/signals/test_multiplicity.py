"""False discovery rates by hand, and the family-wise chance against a simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_the_chance_of_the_greatest_ratio_is_that_of_a_simulation():
    drug, reaction, total = np.array([10, 20, 40]), np.array([5, 8, 30, 40]), 100
    family = FamilyWise(drug, reaction, total)
    expected = np.outer(drug, reaction) / total
    counts = np.random.default_rng(1).poisson(expected, (40_000, 3, 4))
    greatest = poisson_llr(counts, np.broadcast_to(expected, counts.shape)).max(axis=(1, 2))
    for height in (0.5, 1.5, 2.5, 3.5):
        assert family.chance(height) == pytest.approx((greatest >= height).mean(), abs=0.01)


def test_the_critical_height_keeps_its_level_and_p_values_are_never_too_small():
    family = FamilyWise(np.array([10, 20, 40]), np.array([5, 8, 30, 40]), 100)
    assert family.chance(family.critical()) <= 0.05 < family.chance(family.critical() - 0.02)
    llr = np.array([0.0, 1.0, 2.0, 3.0, 5.0, 50.0, np.nan])
    p = family.p(llr)
    assert np.isnan(p[-1])
    assert all(given >= min(family.chance(height), 1.0) for given, height in zip(p[1:-1], llr[1:-1], strict=True))
    assert p[0] == 1.0
    assert p[-2] <= LEAST_P * 1.1


def test_pairs_that_were_never_reported_belong_to_the_family():
    few = FamilyWise(np.array([10]), np.array([5]), 100)
    many = FamilyWise(np.full(50, 10), np.full(40, 5), 100)
    assert many.critical() > few.critical()


def test_an_empty_table_has_no_p_values():
    family = FamilyWise(np.array([], dtype=int), np.array([], dtype=int), 0)
    assert np.isnan(family.p(np.array([1.0]))).all()
    assert family.critical() == 0

"""Measures against published numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.signals import measures as m

GOLDEN = tuple(np.array([x]) for x in (16, 28, 15, 3297))


def tables(*rows: tuple[int, int, int, int]) -> tuple[np.ndarray, ...]:
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def test_expected_count_of_the_golden_table():
    assert m.expected(*GOLDEN)[0] == pytest.approx(0.4064362, abs=5e-8)


def test_prr_of_the_golden_table():
    prr = m.prr(*GOLDEN)
    assert (prr.value[0], prr.lower[0], prr.upper[0]) == pytest.approx((80.29091, 42.39900, 152.04675), abs=5e-5)


def test_ror_of_the_golden_table():
    ror = m.ror(*GOLDEN)
    assert (ror.value[0], ror.lower[0], ror.upper[0]) == pytest.approx((125.6, 56.62874, 278.57513), abs=5e-5)


def test_chi_squared_with_yates_of_the_golden_table():
    assert m.chi2_yates(*GOLDEN)[0] == pytest.approx(573.26192, abs=5e-5)


def test_chi_squared_without_correction_of_the_golden_table():
    assert m.chi2(*GOLDEN)[0] == pytest.approx(611.87156, abs=5e-5)


def test_relative_reporting_ratio_of_the_golden_table():
    assert m.rrr(*GOLDEN)[0] == pytest.approx(39.36657, abs=5e-5)


def test_yules_q_of_the_golden_table():
    q = m.yule_q(*GOLDEN)
    assert (q.value[0], q.lower[0], q.upper[0]) == pytest.approx((0.984202, 0.971717, 0.996687), abs=5e-7)


def test_log_likelihood_ratio_of_the_golden_table():
    assert m.poisson_llr(GOLDEN[0], m.expected(*GOLDEN))[0] == pytest.approx(43.173107, abs=5e-7)


def test_a_count_that_is_not_above_its_expectation_has_a_likelihood_ratio_of_0():
    assert m.poisson_llr(np.array([0, 2, 5]), np.array([3.0, 2.0, 9.0])).tolist() == [0, 0, 0]
    assert np.isnan(m.poisson_llr(np.array([1]), np.array([0.0])))[0]


def test_information_component_of_the_golden_table():
    ic = m.ic(*GOLDEN)
    assert (ic.value[0], ic.lower[0]) == pytest.approx((4.18612, 3.39319), abs=5e-5)


@pytest.mark.parametrize(("a", "limit"), [(2, -0.267), (3, 0.757), (4, 1.433)])
def test_ic025_of_a_pair_that_was_hardly_expected_tends_to_its_limit(a, limit):
    lower = m.ic(*tables((a, 0, 0, 10**9))).lower[0]
    assert lower == pytest.approx(limit, abs=6e-4)


def test_a_reaction_that_no_other_drug_has_gives_no_ratio_rather_than_infinity():
    table = tables((3, 5, 0, 100))
    assert np.isnan(m.prr(*table).value[0])
    assert np.isnan(m.ror(*table).value[0])
    assert np.isfinite(m.ic(*table).lower[0])


def test_a_true_zero_stays_zero_and_has_no_interval():
    for interval in (m.prr(*tables((0, 5, 4, 100))), m.ror(*tables((0, 5, 4, 100)))):
        assert interval.value[0] == 0
        assert np.isnan(interval.lower[0])
        assert interval.at(0) == m.Measure(0.0, None, None)


def test_a_table_with_an_empty_margin_has_no_chi_squared():
    assert np.isnan(m.chi2_yates(*tables((3, 0, 4, 0)))[0])


def test_an_empty_table_has_no_measure_at_all():
    table = tables((0, 0, 0, 0))
    assert all(
        np.isnan(x[0]) for x in (m.expected(*table), m.prr(*table).value, m.ror(*table).value, m.ic(*table).value)
    )


def test_a_table_is_measured_the_same_alone_and_among_others():
    many = tables((16, 28, 15, 3297), (0, 5, 4, 100), (3, 5, 0, 100), (7, 1, 9, 20))
    for function in (m.prr, m.ror, m.ic):
        together = function(*many)
        for i in range(4):
            alone = function(*(column[i : i + 1] for column in many))
            assert alone.at(0) == together.at(i)


@given(st.tuples(*[st.integers(0, 10**6)] * 4))
def test_no_table_gives_infinity_and_every_interval_holds_its_value(table):
    columns = tables(table)
    for interval in (m.prr(*columns), m.ror(*columns), m.ic(*columns), m.yule_q(*columns)):
        value, lower, upper = interval.value[0], interval.lower[0], interval.upper[0]
        assert not np.isinf([value, lower, upper]).any()
        rounding = 1e-8 * abs(value)
        assert np.isnan(lower) or lower - rounding <= value <= upper + rounding
    for column in (
        m.chi2_yates(*columns),
        m.chi2(*columns),
        m.rrr(*columns),
        m.poisson_llr(columns[0], m.expected(*columns)),
    ):
        assert not np.isinf(column).any()


@given(st.tuples(*[st.integers(1, 10**4)] * 4))
def test_more_reports_of_the_pair_among_as_many_of_drug_and_reaction_raise_every_measure(table):
    a, b, c, d = table
    columns, more = tables((a, b + 1, c + 1, d)), tables((a + 1, b, c, d + 1))
    for function in (m.prr, m.ror, m.yule_q, m.ic):
        assert function(*more).value[0] >= function(*columns).value[0]
    assert m.ic(*more).lower[0] >= m.ic(*columns).lower[0]


@given(st.tuples(*[st.integers(0, 10**4)] * 4))
def test_drug_and_reaction_may_change_places(table):
    a, b, c, d = table
    columns, turned = tables(table), tables((a, c, b, d))
    for function in (m.ror, m.yule_q, m.ic):
        np.testing.assert_array_equal(function(*columns).value, function(*turned).value)
    for function in (m.chi2, m.chi2_yates, m.rrr, m.expected):
        np.testing.assert_allclose(function(*columns), function(*turned), rtol=1e-12)

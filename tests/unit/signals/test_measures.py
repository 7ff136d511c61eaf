"""Measures against published numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

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


cells = st.tuples(*[st.integers(1, 10**4)] * 4)


@given(st.tuples(*[st.integers(0, 10**4)] * 4), st.integers(2, 50))
def test_ratios_do_not_depend_on_the_number_of_reports_and_tests_do(table, times):
    few, many = tables(table), tables(tuple(times * count for count in table))
    for function in (m.prr, m.ror, m.yule_q):
        np.testing.assert_allclose(function(*many).value, function(*few).value, rtol=1e-9)
    np.testing.assert_allclose(m.rrr(*many), m.rrr(*few), rtol=1e-9)
    np.testing.assert_allclose(m.expected(*many), times * m.expected(*few), rtol=1e-9)
    np.testing.assert_allclose(m.chi2(*many), times * m.chi2(*few), rtol=1e-6)
    llr = [m.poisson_llr(columns[0], m.expected(*columns)) for columns in (few, many)]
    np.testing.assert_allclose(llr[1], times * llr[0], rtol=1e-6, atol=1e-6)


@given(cells, st.integers(2, 50))
def test_more_reports_of_the_same_kind_narrow_every_interval(table, times):
    few, many = tables(table), tables(tuple(times * count for count in table))
    for function in (m.prr, m.ror):
        narrow, wide = function(*many), function(*few)
        assert narrow.lower[0] >= wide.lower[0] * (1 - 1e-9)
        assert narrow.upper[0] <= wide.upper[0] * (1 + 1e-9)
    narrow, wide = m.ic(*many), m.ic(*few)
    assert narrow.upper[0] - narrow.lower[0] < wide.upper[0] - wide.lower[0]


@given(cells)
def test_all_measures_agree_on_whether_a_pair_is_reported_more_than_expected(table):
    a, b, c, d = table
    columns = tables(table)
    more = np.sign(a * d - b * c)
    assert np.sign(np.round(np.log(m.ror(*columns).value[0]), 12)) == more
    assert np.sign(np.round(np.log(m.prr(*columns).value[0]), 12)) == more
    assert np.sign(m.yule_q(*columns).value[0]) == more
    assert np.sign(np.round(m.rrr(*columns)[0] - 1, 12)) == more
    assert np.sign(np.round(m.ic(*columns).value[0], 9)) in (more, 0)
    assert (m.poisson_llr(columns[0], m.expected(*columns))[0] > 1e-12) <= (more > 0)


@given(cells)
def test_measures_stand_to_each_other_as_their_definitions_say(table):
    columns = tables(table)
    ror, q = m.ror(*columns).value[0], m.yule_q(*columns).value[0]
    assert q == pytest.approx((ror - 1) / (ror + 1), abs=1e-12)
    assert -1 < q < 1
    assert m.chi2_yates(*columns)[0] <= m.chi2(*columns)[0]
    # ROR is farther from 1 than PRR, and PRR farther than the ratio to what is expected.
    logs = [abs(np.log(value)) for value in (ror, m.prr(*columns).value[0], m.rrr(*columns)[0])]
    assert logs[0] >= logs[1] - 1e-9 >= logs[2] - 2e-9


@given(cells)
def test_chi_squared_is_that_of_the_margins(table):
    by_scipy = [chi2_contingency(np.reshape(table, (2, 2)), correction=yates).statistic for yates in (False, True)]
    ours = [float(function(*tables(table))[0]) for function in (m.chi2, m.chi2_yates)]
    assert ours[0] == pytest.approx(by_scipy[0], rel=1e-6, abs=1e-9)
    # Neither correction passes the difference itself.
    assert ours[1] == pytest.approx(by_scipy[1], rel=1e-6, abs=1e-9)


@given(cells)
def test_expected_counts_keep_the_margins(table):
    a, b, c, d = table
    cells = [m.expected(*tables(turned))[0] for turned in ((a, b, c, d), (b, a, d, c), (c, d, a, b), (d, c, b, a))]
    assert cells[0] + cells[1] == pytest.approx(a + b)
    assert cells[0] + cells[2] == pytest.approx(a + c)
    assert sum(cells) == pytest.approx(a + b + c + d)


@given(cells)
def test_the_complement_of_a_reaction_turns_the_odds_ratio_over(table):
    a, b, c, d = table
    ror, turned = m.ror(*tables(table)), m.ror(*tables((b, a, d, c)))
    assert turned.value[0] == pytest.approx(1 / ror.value[0])
    assert (turned.lower[0], turned.upper[0]) == pytest.approx((1 / ror.upper[0], 1 / ror.lower[0]))
    assert m.yule_q(*tables((b, a, d, c))).value[0] == pytest.approx(-m.yule_q(*tables(table)).value[0])
    assert m.chi2(*tables((b, a, d, c)))[0] == pytest.approx(m.chi2(*tables(table))[0])


def test_a_reaction_so_rare_that_nearly_nobody_has_it_makes_odds_and_proportions_one():
    rare = tables((3, 10**7, 10, 10**8))
    assert m.ror(*rare).value[0] == pytest.approx(m.prr(*rare).value[0], rel=1e-6)


@given(st.integers(0, 10**5), st.floats(0, 1e5))
def test_the_information_component_is_shrunk_towards_0(count, expected):
    found = m.shrunk(np.array([count]), np.array([expected]))
    assert found.lower[0] < found.value[0] < found.upper[0]
    if count and expected:
        plain = np.log2(count / expected)
        assert abs(found.value[0]) <= abs(plain) + 1e-9
        assert np.sign(np.round(found.value[0], 9)) in (np.sign(np.round(plain, 9)), 0)


@given(st.integers(0, 10**5), st.floats(1e-3, 1e5), st.floats(1.001, 10))
def test_more_than_was_expected_lowers_every_bound_and_a_further_report_raises_it(count, expected, times):
    n, e = np.array([count, count, count + 1]), np.array([expected, expected * times, expected])
    found = m.shrunk(n, e)
    for bound in (found.value, found.lower, found.upper):
        assert bound[1] < bound[0] < bound[2]
    llr = m.poisson_llr(n, e)
    assert llr[1] <= llr[0] <= llr[2]


def test_a_pair_that_nobody_expects_and_nobody_reports_has_an_information_component_of_0():
    assert m.shrunk(np.array([0]), np.array([0.0])).value[0] == 0
    assert m.shrunk(np.array([0]), np.array([1e-12])).value[0] == pytest.approx(0, abs=1e-9)


@given(st.lists(st.tuples(*[st.integers(0, 10**4)] * 4), min_size=2, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_the_tables_does_not_matter(some, random):
    order = random.sample(range(len(some)), len(some))
    columns, turned = tables(*some), tables(*(some[i] for i in order))
    for function in (m.prr, m.ror, m.yule_q, m.ic):
        one, other = function(*columns), function(*turned)
        for values, others in ((one.value, other.value), (one.lower, other.lower), (one.upper, other.upper)):
            np.testing.assert_array_equal(values[order], others)
    for function in (m.chi2, m.chi2_yates, m.rrr, m.expected):
        np.testing.assert_array_equal(function(*columns)[order], function(*turned))

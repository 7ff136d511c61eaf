"""EBGM: posterior quantiles against integration, the fit against what made the counts, and what it does when it cannot fit."""

from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy.special import gammaln
from scipy.stats import gamma

from shared.signals import ebgm

PRIOR = ebgm.Prior(3.25379356, 0.39988854, 2.02612692, 1.90807970, 0.06534557)


def drawn(pairs: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Counts of pairs whose ratios follow `PRIOR`."""
    generator = np.random.default_rng(seed)
    expected = generator.lognormal(0.0, 1.0, pairs)
    first = generator.random(pairs) < PRIOR.share
    shape = np.where(first, PRIOR.alpha1, PRIOR.alpha2)
    ratio = generator.gamma(shape) / np.where(first, PRIOR.beta1, PRIOR.beta2)
    return generator.poisson(ratio * expected), expected


def test_published_values_of_the_worked_example_of_openebgm():
    # Canida and Ihrie 2017 (openEBGM): their prior, two of their pairs. Their quantiles are bisected to within 0.01.
    found = ebgm.posterior(PRIOR, np.array([16, 19]), np.array([0.40643623, 0.89690107]))
    assert np.round(found.value, 2).tolist() == [23.26, 16.78]
    assert found.lower.tolist() == pytest.approx([15.68, 11.65], abs=0.01)
    assert found.upper.tolist() == pytest.approx([33.48, 23.55], abs=0.01)


def caers() -> tuple[np.ndarray, np.ndarray]:
    """Counts and expected counts of the 17,189 pairs of openEBGM's worked example."""
    lines = lzma.decompress((Path(__file__).parent / "data" / "caers_counts.tsv.xz").read_bytes()).decode().splitlines()
    n, drug, reaction, pairs = np.array([line.split("\t") for line in lines[3:]], dtype=np.int64).T
    return np.repeat(n, pairs), np.repeat(drug * reaction / 3356, pairs)


def test_the_worked_example_of_openebgm_is_reproduced_from_its_counts():
    n, expected = caers()
    assert len(n) == 17_189
    found = ebgm.fit(n, expected)
    assert found is not None
    assert found.agreeing == len(ebgm.STARTS)
    # The published height; the surface is flat, so the published parameters are one point of several as high.
    assert ebgm.negative_log_likelihood(found.prior, n, expected) <= 4162.456
    measured = ebgm.posterior(found.prior, n, expected)
    assert (measured.lower >= 2).sum() == 131
    at = [int(np.argmin(abs(expected - e) + abs(n - k))) for k, e in ((16, 0.40643623), (19, 0.89690107))]
    assert measured.value[at].tolist() == pytest.approx([23.26, 16.78], abs=0.005)
    assert measured.lower[at].tolist() == pytest.approx([15.68, 11.65], abs=0.01)
    assert measured.upper[at].tolist() == pytest.approx([33.48, 23.55], abs=0.01)


def test_the_posterior_is_that_of_numeric_integration():
    n, expected = 3, 0.7

    def weight(ratio: float) -> float:
        prior = PRIOR.share * gamma.pdf(ratio, PRIOR.alpha1, scale=1 / PRIOR.beta1)
        prior += (1 - PRIOR.share) * gamma.pdf(ratio, PRIOR.alpha2, scale=1 / PRIOR.beta2)
        return float(prior * np.exp(n * np.log(ratio * expected) - ratio * expected - gammaln(n + 1)))

    def area(of, upper: float) -> float:
        return integrate.quad(of, 0, upper, points=[1.0], limit=500)[0]

    found = ebgm.posterior(PRIOR, np.array([n]), np.array([expected]))
    whole = area(weight, 100)
    assert found.value[0] == pytest.approx(np.exp(area(lambda x: np.log(x) * weight(x), 100) / whole), rel=1e-6)
    assert area(weight, found.lower[0]) / whole == pytest.approx(0.05, abs=1e-6)
    assert area(weight, found.upper[0]) / whole == pytest.approx(0.95, abs=1e-6)


def test_the_gradient_of_the_likelihood_is_its_slope():
    n, expected = drawn(500)
    points = (n[n > 0].astype(float), expected[n > 0], np.ones(int((n > 0).sum())))
    theta = np.array([0.3, -0.8, 0.9, 0.2, -1.5])
    _, gradient = ebgm._objective(theta, *points)
    for at in range(5):
        step = np.eye(5)[at] * 1e-6
        slope = (ebgm._objective(theta + step, *points)[0] - ebgm._objective(theta - step, *points)[0]) / 2e-6
        assert gradient[at] == pytest.approx(slope, rel=1e-5)


def test_the_fit_is_no_worse_than_what_made_the_counts_and_several_starts_agree():
    n, expected = drawn(20_000)
    found = ebgm.fit(n, expected)
    assert found is not None
    assert found.trustworthy
    seen = n > 0
    ours, theirs = (ebgm.negative_log_likelihood(prior, n[seen], expected[seen]) for prior in (found.prior, PRIOR))
    assert ours <= theirs + 0.5


def test_squashed_counts_give_the_same_fit_as_all():
    n, expected = drawn(60_000)
    seen = n > 0
    n, expected = n[seen], expected[seen]
    counts, points, weights = ebgm.squash(n, expected)
    assert len(counts) < len(n) / 2
    assert weights.sum() == len(n)
    assert (counts * weights).sum() == n.sum()
    assert (points * weights).sum() == pytest.approx(expected.sum())
    assert ebgm.negative_log_likelihood(PRIOR, counts, points, weights) == pytest.approx(
        ebgm.negative_log_likelihood(PRIOR, n, expected), rel=1e-4
    )


def test_where_searches_end_apart_no_fit_is_trusted():
    n, expected = drawn(2_000)
    assert not ebgm.fit(n, expected, starts=ebgm.STARTS[:1]).trustworthy


def test_a_prior_that_would_shrink_to_points_is_held_near_the_usual_one():
    # Three pairs far above and many reported once: two points describe them best, and every interval would have no width.
    n, expected = np.array([1] * 100 + [14, 15, 16]), np.concatenate([np.linspace(0.05, 0.5, 100), [1.8, 2.1, 3.0]])
    found = ebgm.fit(n, expected)
    assert found is not None
    assert found.held
    assert found.trustworthy
    far = ebgm.posterior(found.prior, n[-3:], expected[-3:])
    assert (far.upper > 1.5 * far.lower).all()
    assert (far.lower > 2).all()
    assert (far.value < n[-3:] / expected[-3:]).all()


def test_where_many_pairs_tell_the_prior_it_is_not_held():
    found = ebgm.fit(*drawn(20_000))
    assert found is not None
    assert not found.held


@pytest.mark.parametrize("pairs", [50, 400])
@pytest.mark.parametrize("spread", [None, 8.0])
def test_a_held_prior_gives_intervals_that_hold_the_true_ratios(pairs: int, spread: float | None):
    # Most pairs reported as expected (exactly, or give or take a third), three in a hundred far more often.
    generator = np.random.default_rng(7)
    inside, held, strong = [], 0, []
    for _ in range(40):
        expected = generator.lognormal(0.0, 1.0, pairs)
        usual = np.ones(pairs) if spread is None else generator.gamma(spread, 1 / spread, pairs)
        ratio = np.where(generator.random(pairs) < 0.03, generator.gamma(2.0, 2.5, pairs), usual)
        n = generator.poisson(ratio * expected)
        found = ebgm.fit(n, expected)
        assert found is not None
        assert found.trustworthy
        held += found.held
        seen = n > 0
        of = ebgm.posterior(found.prior, n[seen], expected[seen])
        inside.append(np.mean((of.lower <= ratio[seen]) & (ratio[seen] <= of.upper)))
        strong.extend(ratio[seen][of.lower >= 2])
    assert held >= 10
    assert 0.85 <= np.mean(inside) <= 1
    assert len(strong) >= 5
    assert np.mean(np.array(strong) > 1.5) >= 0.98


def test_the_order_of_pairs_changes_no_bit_of_the_fit():
    n, expected = drawn(5_000)
    order = np.random.default_rng(3).permutation(len(n))
    assert ebgm.fit(n, expected) == ebgm.fit(n[order], expected[order])


@pytest.mark.parametrize(("n", "expected"), [([], []), ([0, 0], [1.0, 2.0]), ([2], [0.0])])
def test_a_table_without_an_observed_pair_has_no_fit(n, expected):
    assert ebgm.fit(np.array(n, dtype=np.int64), np.array(expected, dtype=np.float64)) is None


def test_a_pair_without_expectation_has_no_ebgm():
    found = ebgm.posterior(PRIOR, np.array([0, 3]), np.array([0.0, np.nan]))
    assert np.isnan([found.value, found.lower, found.upper]).all()


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.floats(1e-6, 1e6))
def test_the_interval_holds_and_a_further_report_raises_it(n, expected):
    found = ebgm.posterior(PRIOR, np.array([n, n + 1]), np.array([expected, expected]))
    assert np.isfinite([found.value, found.lower, found.upper]).all()
    assert (found.lower < found.upper).all()
    assert found.value[1] >= found.value[0]
    assert found.lower[1] >= found.lower[0] * (1 - 1e-8)


def test_a_pair_is_judged_alike_alone_and_among_others():
    n, expected = drawn(300)
    together = ebgm.posterior(PRIOR, n, expected)
    alone = ebgm.posterior(PRIOR, n[7:8], expected[7:8])
    assert (alone.value[0], alone.lower[0], alone.upper[0]) == (together.value[7], together.lower[7], together.upper[7])


@given(st.integers(0, 10**4), st.floats(1e-3, 1e4), st.floats(1.01, 10))
def test_a_pair_of_which_more_was_expected_has_less(n, expected, times):
    found = ebgm.posterior(PRIOR, np.array([n, n]), np.array([expected, times * expected]))
    assert found.value[1] < found.value[0]
    assert found.lower[1] <= found.lower[0] * (1 + 1e-8)
    assert found.upper[1] <= found.upper[0] * (1 + 1e-8)


@pytest.mark.parametrize("ratio", [0.1, 1.0, 7.0])
def test_of_very_many_reports_the_ratio_itself_is_left(ratio):
    found = ebgm.posterior(PRIOR, np.array([int(1e6 * ratio)]), np.array([1e6]))
    assert [found.value[0], found.lower[0], found.upper[0]] == pytest.approx([ratio] * 3, rel=0.01)


def test_of_a_pair_that_nobody_expects_the_prior_is_left():
    found = ebgm.posterior(PRIOR, np.array([0]), np.array([1e-9]))
    ratios = np.array([PRIOR.alpha1 / PRIOR.beta1, PRIOR.alpha2 / PRIOR.beta2])
    assert found.lower[0] < found.value[0] < ratios.max()
    sample = np.random.default_rng(2)
    first = sample.random(400_000) < PRIOR.share
    drawn_ratios = sample.gamma(np.where(first, PRIOR.alpha1, PRIOR.alpha2)) / np.where(first, PRIOR.beta1, PRIOR.beta2)
    assert found.value[0] == pytest.approx(np.exp(np.log(drawn_ratios).mean()), rel=0.01)
    assert [found.lower[0], found.upper[0]] == pytest.approx(np.quantile(drawn_ratios, [0.05, 0.95]), rel=0.02)


@given(st.integers(1, 10**4), st.floats(1e-2, 1e4))
def test_the_ratio_is_shrunk_to_the_means_of_the_two_components(n, expected):
    found = ebgm.posterior(PRIOR, np.array([n]), np.array([expected])).value[0]
    # The geometric mean of a gamma distribution lies below its mean, by less than exp(-1/shape).
    posterior_means = [(a + n) / (b + expected) for a, b in ((PRIOR.alpha1, PRIOR.beta1), (PRIOR.alpha2, PRIOR.beta2))]
    assert min(posterior_means) * np.exp(-1 / (PRIOR.alpha2 + n)) <= found <= max(posterior_means)


def test_the_fit_does_not_depend_on_the_order_of_the_pairs():
    n, expected = drawn(3_000)
    order = np.random.default_rng(3).permutation(len(n))
    one, other = ebgm.fit(n, expected), ebgm.fit(n[order], expected[order])
    assert one.best == pytest.approx(other.best, abs=1e-3)
    both = [ebgm.posterior(found.prior, n, expected).value for found in (one, other)]
    np.testing.assert_allclose(*both, rtol=0.01)

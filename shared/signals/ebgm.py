"""Empirical Bayes geometric mean of the multi-item gamma Poisson shrinker (DuMouchel 1999, doi:10.1080/00031305.1999.10474456).

Over all pairs the ratio of observed to expected count is thought to follow a mixture of two gamma distributions, whose five
parameters are fitted by maximum likelihood to the counts of the pairs that were observed at least once. Each pair's own ratio is
then judged with that mixture as its prior: EBGM is the geometric mean of what results, EB05 and EB95 its 5 % and 95 % quantiles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, digamma, expit, gammainc, gammaincinv, gammaln, logit
from threadpoolctl import ThreadpoolController

from shared.signals.measures import Counts, Floats, Interval

# Where the search begins: alpha and beta of the two components, and the share of the first. The first is DuMouchel's own.
STARTS: tuple[tuple[float, float, float, float, float], ...] = (
    (0.2, 0.1, 2.0, 4.0, 1 / 3),
    (2.0, 1.0, 1.0, 2.0, 0.5),
    (0.5, 0.5, 4.0, 4.0, 0.2),
    (1.0, 0.1, 2.0, 2.0, 0.1),
    (3.0, 0.5, 2.0, 2.0, 0.05),
)
# Two starts agree when their log likelihoods differ by less: the surface is flat, so the parameters themselves need not.
_AGREE = 0.01
_BOUND = 12.0
# Squashing (DuMouchel and Pregibon 2001): of each count the pairs most expected stay, the rest is averaged in bins.
_KEPT, _BINS = 100, 200
# Tables of up to so many pairs are fitted once more as they are, from the best that their squashed form gave.
_WHOLE = 50_000
# Five parameters are not fitted to fewer pairs than this.
_LEAST = 20
# Alphas and betas within reason. Above, a component is all but a point and gives intervals of no width (openEBGM's exploreHypers
# has the same param_limit); below, it is all but a promise that nothing is reported, and shrinks strong pairs to nothing.
_LEAST_VALUE, _MOST_VALUE = 0.01, 100.0
# Where the pairs leave that range, the logarithms of alphas and betas and the log odds of the share get a normal distribution of
# their own: around the values that DuMouchel began with, one standard deviation a factor of e.
_CENTRE = np.append(np.log(STARTS[0][:4]), logit(STARTS[0][4]))
_SPREAD = 1.0
_TAILS = (0.05, 0.95)
# Of the height of a prior: far below what tells starts apart, and the last bits.
_ROUGH, _FINE = 1e-9, 1e-13
_STEPS, _CLOSE, _NEAR = 60, 1e-9, 1e-4
_THREADS = ThreadpoolController()
_Objective = Callable[[Floats, Floats, Floats, Floats], tuple[float, Floats]]


@dataclass(frozen=True, slots=True)
class Prior:
    """A mixture of two gamma distributions (shape alpha, rate beta); `share` is that of the first."""

    alpha1: float
    beta1: float
    alpha2: float
    beta2: float
    share: float


@dataclass(frozen=True, slots=True)
class Fit:
    """The best of several searches, on squashed counts.

    `negative_log_likelihood`: of each start, NaN where it failed, and the penalty on top where the prior is held. `agreeing`: how
    many found the best. `held`: whether the pairs alone did not tell the prior, so that it was held near the usual one.
    """

    prior: Prior
    negative_log_likelihood: tuple[float, ...]
    agreeing: int
    held: bool = False

    @property
    def best(self) -> float:
        """The least negative log likelihood."""
        return min(value for value in self.negative_log_likelihood if value == value)

    @property
    def trustworthy(self) -> bool:
        """Whether two starts at least ended at the same height, no component all but a point: else no EBGM should be published."""
        return self.agreeing >= 2 and max(self._values) <= _MOST_VALUE

    @property
    def within_reason(self) -> bool:
        """Whether the pairs alone gave a prior that can be used as it is."""
        return self.trustworthy and min(self._values) >= _LEAST_VALUE

    @property
    def _values(self) -> tuple[float, ...]:
        prior = self.prior
        return prior.alpha1, prior.beta1, prior.alpha2, prior.beta2


def squash(n: Counts, expected: Floats) -> tuple[Floats, Floats, Floats]:
    """Counts, expected counts and weights of fewer points that have nearly the likelihood of all pairs."""
    parts: list[tuple[Floats, Floats, Floats]] = []
    for count in np.unique(n):
        of_count = np.sort(expected[n == count])
        apart = max(len(of_count) - _KEPT, 0)
        # As many in each bin as it takes for at most so many bins.
        size = max(1, -(-apart // _BINS))
        starts = np.arange(0, apart, size)
        sizes = np.diff(np.append(starts, apart))
        means = np.add.reduceat(of_count[:apart], starts) / sizes if apart else np.empty(0)
        points = np.concatenate([means, of_count[apart:]])
        weights = np.concatenate([sizes, np.ones(len(of_count) - apart)])
        parts.append((np.full(len(points), float(count)), points, weights))
    counts, points, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    return counts, points, weights


def negative_log_likelihood(prior: Prior, n: Floats | Counts, expected: Floats, weights: Floats | None = None) -> float:
    """Of counts of at least 1, each component truncated at zero by itself."""
    theta = np.append(np.log([prior.alpha1, prior.beta1, prior.alpha2, prior.beta2]), logit(prior.share))
    return _objective(
        theta, np.asarray(n, dtype=np.float64), expected, np.ones(len(n)) if weights is None else weights
    )[0]


def fit(n: Counts, expected: Floats, starts: Sequence[tuple[float, float, float, float, float]] = STARTS) -> Fit | None:
    """The prior of greatest likelihood for the pairs with a count of at least 1, from each of `starts`.

    Where that is not within reason, as with few pairs or pairs that are mostly as expected: the prior of greatest likelihood
    times a distribution around the usual parameters. With many pairs that distribution would not matter.

    None where no search ended, or pairs are too few. Counts and expected counts are of all pairs; zeros are left out. Large
    tables are squashed. The same pairs in another order give the same prior to the last bit.
    """
    observed = np.flatnonzero((n > 0) & (expected > 0))
    if len(observed) < _LEAST:
        return None
    # Sums of floats depend on the order of their terms.
    observed = observed[np.lexsort((expected[observed], n[observed]))]
    n, expected = n[observed], expected[observed]
    found = _fit(n, expected, starts, _objective)
    if found is not None and not found.within_reason:
        found = _fit(n, expected, starts, _held)
    return found


def _fit(
    n: Counts, expected: Floats, starts: Sequence[tuple[float, float, float, float, float]], objective: _Objective
) -> Fit | None:
    points = squash(n, expected)
    # Each is followed as far as it takes to tell which is the highest, and only that one to its end.
    found = [_search(np.append(np.log(start[:4]), logit(start[4])), points, objective, _ROUGH) for start in starts]
    heights = tuple(height for height, _ in found)
    if all(np.isnan(heights)):
        return None
    best = int(np.nanargmin(heights))
    agreeing = sum(height - heights[best] < _AGREE for height in heights if height == height)
    theta = found[best][1]
    if len(n) <= _WHOLE:
        points = n.astype(np.float64), expected, np.ones(len(n))
    theta = _search(theta, points, objective, _FINE)[1]
    alpha1, beta1, alpha2, beta2 = (float(value) for value in np.exp(theta[:4]))
    prior = Prior(alpha1, beta1, alpha2, beta2, float(expit(theta[4])))
    return Fit(prior, heights, agreeing, held=objective is _held)


def _search(
    theta: Floats, points: tuple[Floats, Floats, Floats], objective: _Objective, close: float
) -> tuple[float, Floats]:
    """The height (NaN where there is none) and place at which a search from `theta` ends, as a step gains less than `close`."""
    # It takes a quarter of a second to load, and most processes fit no prior.
    from scipy.optimize import minimize

    # The search multiplies matrices of ten rows: BLAS would spend six times as long on its threads as on that.
    with np.errstate(all="ignore"), _THREADS.limit(limits=1, user_api="blas"):
        result = minimize(
            objective, theta, points, "L-BFGS-B", jac=True, bounds=[(-_BOUND, _BOUND)] * 5,
            options={"maxiter": 2_000, "maxfun": 5_000, "ftol": close, "gtol": 1e-7},
        )  # fmt: skip
    return float(result.fun) if np.isfinite(result.fun) else np.nan, np.asarray(result.x)


def posterior(prior: Prior, n: Counts, expected: Floats) -> Interval:
    """EBGM, EB05 and EB95 of each pair; NaN where a pair has no expected count."""
    absent = ~(expected > 0)
    expected = np.where(absent, np.nan, expected)
    counts = n.astype(np.float64)
    shapes = (prior.alpha1 + counts, prior.alpha2 + counts)
    rates = (prior.beta1 + expected, prior.beta2 + expected)
    first = expit(
        logit(prior.share)
        + _log_marginal(prior.alpha1, prior.beta1, n, expected)
        - _log_marginal(prior.alpha2, prior.beta2, n, expected)
    )
    logs = [digamma(shape) - np.log(rate) for shape, rate in zip(shapes, rates, strict=True)]
    value = np.exp(first * logs[0] + (1 - first) * logs[1])
    lower, upper = (_quantile(tail, first, prior, n, rates) for tail in _TAILS)
    return Interval(value, lower, upper)


def _log_marginal(alpha: float, beta: float, n: Floats | Counts, expected: Floats) -> Floats:
    """Log of the negative binomial probability of `n`, without the factor that both components share."""
    # gammaln(alpha + n) - gammaln(alpha) - gammaln(n + 1), without the cancellation of large terms.
    combined = -betaln(alpha, n + 1.0) - np.log(alpha + n)
    result: Floats = combined - alpha * np.log1p(expected / beta) + n * np.log(expected / (beta + expected))
    return result


def _objective(theta: Floats, n: Floats, expected: Floats, weights: Floats) -> tuple[float, Floats]:
    """The negative log likelihood and its gradient by the logarithms of alphas and betas and the log odds of the share."""
    share = float(expit(theta[4]))
    # Both components at once, a row each: with few pairs it is the number of calls that takes the time.
    alpha, beta = np.exp(theta[:4]).reshape(2, 2).T[:, :, np.newaxis]
    none = -alpha * np.log1p(expected / beta)
    # Probability of no report over that of some: the truncation.
    odds = 1 / np.expm1(np.maximum(-none, 1e-300))
    logs = _log_marginal(alpha, beta, n, expected) - np.log(-np.expm1(np.minimum(none, -1e-300)))
    by_alpha = alpha * (digamma(alpha + n) - digamma(alpha)) + none * (1 + odds)
    by_beta = alpha * expected / (beta + expected) * (1 + odds) - n * beta / (beta + expected)
    first, second = np.log(share) + logs[0], np.log1p(-share) + logs[1]
    together = np.logaddexp(first, second)
    ours = np.exp(first - together)
    weighted = np.empty_like(logs)
    weighted[0], weighted[1] = weights * ours, weights * (1 - ours)
    gradient = np.empty(5)
    # Not as a dot product, whose last bits depend on how many threads a process has.
    gradient[0:4:2] = np.add.reduce(weighted * by_alpha, axis=1)
    gradient[1:4:2] = np.add.reduce(weighted * by_beta, axis=1)
    gradient[4] = np.add.reduce(weights * (ours - share))
    return -float(np.add.reduce(weights * together)), -gradient


def _held(theta: Floats, n: Floats, expected: Floats, weights: Floats) -> tuple[float, Floats]:
    """`_objective` with the penalty of parameters far from the usual ones."""
    height, gradient = _objective(theta, n, expected, weights)
    away = (theta - _CENTRE) / _SPREAD
    return height + float(np.add.reduce(away**2)) / 2, gradient + away / _SPREAD


def _quantile(tail: float, first: Floats, prior: Prior, n: Counts, rates: tuple[Floats, Floats]) -> Floats:
    """The quantiles of mixtures of two gamma distributions. They lie between those of the components: Halley, kept in between."""
    heights, place = np.unique(n, return_inverse=True)
    shapes = (prior.alpha1 + heights, prior.alpha2 + heights)
    of_one, of_other = (gammaincinv(shape, tail)[place] / rate for shape, rate in zip(shapes, rates, strict=True))
    low, high = np.minimum(of_one, of_other), np.maximum(of_one, of_other)
    at = first * of_one + (1 - first) * of_other
    logs = [gammaln(shape) for shape in shapes]
    todo = np.flatnonzero(high - low > _CLOSE * high)
    for _ in range(_STEPS):
        if not len(todo):
            break
        x, share, among = at[todo], first[todo], place[todo]
        below, density, slope = np.full(len(x), -tail), np.zeros(len(x)), np.zeros(len(x))
        for part, shape, rate, log in zip((share, 1 - share), shapes, rates, logs, strict=True):
            own, times = shape[among], rate[todo]
            own_density = part * np.exp((own - 1) * np.log(x) + own * np.log(times) - times * x - log[among])
            below = below + part * gammainc(own, times * x)
            density = density + own_density
            slope = slope + own_density * ((own - 1) / x - times)
        low[todo] = np.where(below < 0, x, low[todo])
        high[todo] = np.where(below >= 0, x, high[todo])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            newton = below / density
            # Far away the second derivative is no guide, and must not end the search by a small step.
            step = x - newton / np.clip(1 - newton * slope / density / 2, 0.5, 1.5)
        inside = (step > low[todo]) & (step < high[todo])
        following = np.where(inside, step, (low[todo] + high[todo]) / 2)
        at[todo] = following
        # A step of Halley's leaves about its own third power.
        todo = todo[~inside | (np.abs(following - x) > _NEAR * x)]
    return at

"""Counts that are looked at again and again: MaxSPRT, where the rate before is known and where it is estimated.

The log likelihood ratio of the count so far may be looked at up to a planned end; its critical value is such that, without any
change, it is ever reached with probability alpha. It comes from exact probabilities of never reaching it, not from a simulation.

- With a known rate (Poisson MaxSPRT: Kulldorff et al. 2011, doi:10.1080/07474946.2011.539924): looks after every event.
- With a rate that is estimated from the events of a control window (conditional MaxSPRT: Li and Kulldorff 2010,
  doi:10.1002/sim.3780): looks at given moments, critical values given the number of events in the control window.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln, lambertw, xlogy

from shared.errors import AdrwatchError
from shared.signals.measures import Counts, Floats

# Levels below are too near to the rounding of the chances that are computed.
LEAST_ALPHA = 1e-6
# Beyond this critical value the chance of reaching it is below that.
_LOWEST, _HIGHEST = 1e-6, 20.0
# Critical values of the conditional test are rounded up to this; its chances move in steps, for counts are whole numbers.
_PRECISION = 1e-4
# Counts that are left out are less likely than exp(-32), 1e-14.
_DEVIATIONS = 8.0
# Steps of counts up to this are always looked at: even where one event is expected, more have a chance below 1e-90.
_LONGEST = 64
# Logarithm of the smallest probability that is told from 0; what is below counts as having reached a limit.
_UNDERFLOW = -650.0


@functools.lru_cache(maxsize=1_024)
def critical_value(planned: float, alpha: float = 0.05, least_events: int = 1) -> float:
    """The log likelihood ratio that rejects, for surveillance up to the expected count `planned`, of a known rate.

    No look rejects before `least_events` events. Raises AdrwatchError where alpha cannot be reached with so many events.
    """
    if not planned > 0 or not LEAST_ALPHA <= alpha < 1 or least_events < 1:
        raise AdrwatchError(
            f"no critical value for T = {planned}, alpha = {alpha}, {least_events} events at least",
            fix=f"give T above 0, alpha from {LEAST_ALPHA:f} on and below 1, and at least one event",
        )
    if reached(_LOWEST, planned, least_events) <= alpha:
        raise AdrwatchError(
            f"{least_events} events are never as likely as alpha = {alpha} where {planned} are expected",
            fix="ask for fewer events, or plan a longer surveillance",
        )
    return float(brentq(lambda value: reached(value, planned, least_events) - alpha, _LOWEST, _HIGHEST, xtol=1e-10))


def reached(critical: float, planned: float, least_events: int = 1) -> float:
    """The probability, under the null hypothesis, that the statistic ever reaches `critical` before T = `planned`.

    The n-th event rejects when it comes before the expected count at which n events have just this ratio.
    """
    moments = _moments(critical, planned, least_events)
    # At the n-th of these moments, and between the last one and the end, fewer than n events may have come.
    limits = np.arange(least_events, least_events + len(moments) + 1)
    return 1.0 - float(never(np.array([*moments, planned]), limits)[1].sum())


def _moments(critical: float, planned: float, least_events: int) -> list[float]:
    """Expected counts, ascending and below `planned`, until which the n-th event rejects, n from `least_events` on."""
    found: list[float] = []
    n = least_events
    while True:
        # n ln(n/t) - (n - t) = critical, solved for t < n by Lambert's W.
        moment = float(-n * lambertw(-np.exp(-1.0 - critical / n)).real)
        if moment >= planned:
            return found
        found.append(moment)
        n += 1


def conditional_llr(control: Counts | int, counts: Counts, exposure: Floats) -> Floats:
    """Log likelihood ratio of a higher rate than in the control window, against one rate in both; 0 where it is not higher.

    `exposure`: how long or busy the time of `counts` is against the control window. Arguments are broadcast. With ever more control
    events at one rate it becomes that of a known rate.
    """
    total = control + counts
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = xlogy(control, control * (1 + exposure) / total) + xlogy(
            counts, counts * (1 + exposure) / (total * exposure)
        )
    return np.where(counts > control * exposure, ratio, 0.0)


def conditional_critical_value(control: int, exposures: Floats, alpha: float = 0.05, least_events: int = 1) -> float:
    """The `conditional_llr` that rejects at any of several looks, given `control` events in the control window.

    `exposures` ascend, in units of the control window. No look rejects before `least_events` events; where so many are rarer than
    alpha already, it is the ratio that they have at the last look, so that they reject at any. NaN without a control event.
    """
    if control < 1:
        return np.nan
    if conditional_reached(_LOWEST, control, exposures, least_events) <= alpha:
        return max(float(conditional_llr(control, np.array(least_events), exposures[-1:])[0]), _LOWEST)
    low, high = _LOWEST, _HIGHEST
    while high - low > _PRECISION:
        middle = (low + high) / 2
        above = conditional_reached(middle, control, exposures, least_events) > alpha
        low, high = (middle, high) if above else (low, middle)
    return high


def conditional_reached(critical: float, control: int, exposures: Floats, least_events: int = 1) -> float:
    """The probability of reaching `critical` at any look without a change of rate, given the events of the control window.

    The control window has a fixed length: when it ends, its next event is still to come, so the exposure up to that event, in
    units of the mean time between events, has a gamma distribution of shape `control` + 1. This is the conservative form of Silva,
    Li and Kulldorff (2019, doi:10.1080/07474946.2019.1574446). To let the window end with its last event (shape `control`) rejects
    too often.
    """
    limits = np.maximum(_limits(critical, control, exposures), least_events)
    return conditional_chance(limits, control + 1, exposures)


def conditional_chance(limits: Counts, shape: float, exposures: Floats) -> float:
    """The probability that counts reach a limit at any look, where their rate has a gamma distribution (`shape`, rate 1).

    Given the count at the end, events are spread evenly whatever the rate: so the chances are those of a Poisson process of any one
    rate, weighted by how likely each count at the end is.
    """
    means = shape * exposures
    # Chernoff's bound for sums of variables that are not negative: fewer are less likely than exp(-_DEVIATIONS^2 / 2).
    lowest = np.maximum(np.floor(means - _DEVIATIONS * np.sqrt(means * (1 + 2 * exposures))), 0).astype(np.int64)
    first, left = never(means, limits, lowest)
    n, last = np.arange(first, first + len(left)), exposures[-1]
    by_poisson = xlogy(n, means[-1]) - means[-1] - gammaln(n + 1)
    by_mixture = gammaln(shape + n) - gammaln(shape) - gammaln(n + 1) + xlogy(n, last) - (shape + n) * np.log1p(last)
    told = by_poisson > _UNDERFLOW
    return 1.0 - float((left[told] * np.exp((by_mixture - by_poisson)[told])).sum())


def never(means: Floats, limits: Counts, lowest: Counts | None = None) -> tuple[int, Floats]:
    """How likely the counts of a Poisson process are at the last of several looks, never having reached the limit of any look.

    `means` are its expected counts at the looks, ascending; `limits` ascend as well. The first count, and the probabilities of it
    and all that follow up to the last limit. Counts below `lowest` may be left out at each look, which makes the rest less likely.
    Between looks counts grow by independent Poisson steps.
    """
    first, left, before = 0, np.ones(1), 0.0
    # Counts near the last limit grow by steps greater than the mean.
    scale = max(1.0, float(limits[-1] / means[-1]))
    for look, (mean, limit) in enumerate(zip(means.tolist(), limits.tolist(), strict=True)):
        step = mean - before
        most = min(limit, int(scale * step + _DEVIATIONS * 2 * np.sqrt(scale * step)) + _LONGEST)
        grown = np.arange(most)
        chances = np.exp(xlogy(grown, step) - step - gammaln(grown + 1))
        left = np.convolve(left, chances)[: limit - first]
        if lowest is not None and lowest[look] > first:
            left = left[lowest[look] - first :]
            first = int(lowest[look])
        before = mean
    return first, left


def _limits(critical: float, control: int, exposures: Floats) -> Counts:
    """The least counts whose ratio reaches `critical` at each look."""
    low = np.floor(control * exposures).astype(np.int64)
    high = 2 * low + 1
    while (short := conditional_llr(control, high, exposures) < critical).any():
        high = np.where(short, 2 * high, high)
    while (high - low > 1).any():
        middle = (low + high) // 2
        short = conditional_llr(control, middle, exposures) < critical
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return high

"""Counts that are looked at again and again: Poisson MaxSPRT (Kulldorff et al. 2011, doi:10.1080/07474946.2011.539924).

The log likelihood ratio of the count against its expectation may be looked at after every event, up to a planned expected count T;
its critical value is such that under the null hypothesis it is ever reached with probability alpha; it is computed exactly.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy.optimize import brentq
from scipy.special import lambertw
from scipy.stats import poisson

from shared.errors import AdrwatchError

# Beyond this critical value the chance of reaching it is below any alpha in use.
_LOWEST, _HIGHEST = 1e-6, 20.0


@functools.lru_cache(maxsize=1_024)
def critical_value(planned: float, alpha: float = 0.05, least_events: int = 1) -> float:
    """The log likelihood ratio that rejects, for surveillance up to the expected count `planned`.

    No look rejects before `least_events` events. Raises AdrwatchError where alpha cannot be reached with so many events.
    """
    if not planned > 0 or not 0 < alpha < 1 or least_events < 1:
        raise AdrwatchError(
            f"no critical value for T = {planned}, alpha = {alpha}, {least_events} events at least",
            fix="give T above 0, alpha between 0 and 1 and at least one event",
        )
    if reached(_LOWEST, planned, least_events) <= alpha:
        raise AdrwatchError(
            f"{least_events} events are never as likely as alpha = {alpha} where {planned} are expected",
            fix="ask for fewer events, or plan a longer surveillance",
        )
    return float(brentq(lambda value: reached(value, planned, least_events) - alpha, _LOWEST, _HIGHEST, xtol=1e-10))


def reached(critical: float, planned: float, least_events: int = 1) -> float:
    """The probability, under the null hypothesis, that the statistic ever reaches `critical` before T = `planned`.

    The n-th event rejects when it comes before the expected count at which n events have just this ratio. Between two such
    moments, in order, counts grow by independent Poisson steps; what has never been rejected at the end is left.
    """
    alive = np.ones(1)
    before = 0.0
    for allowed, moment in enumerate([*_moments(critical, planned, least_events), planned], start=least_events):
        # At the n-th moment fewer than n events may have come.
        alive = np.convolve(alive, poisson.pmf(np.arange(allowed), moment - before))[:allowed]
        before = moment
    return 1.0 - float(alive.sum())


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

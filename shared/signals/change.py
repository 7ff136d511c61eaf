"""Change over time: a pair in a window against its drug's control window, and a bucket's count against the drug's own past."""

from __future__ import annotations

import numpy as np
from scipy.special import betainc

from shared.signals.measures import SHRINKAGE, Counts, Floats, Interval, shrunk

DAYS_A_WEEK = 7
# The epoch, 1970-01-01, was a Thursday; Monday is 0.
_WEEKDAY_OF_EPOCH = 3


def temporal_ic(n: Counts, expected: Floats, control_n: Counts, control_expected: Floats) -> Interval:
    """IC of a window against a control window of the same drug (Norén et al. 2010, doi:10.1007/s10618-009-0152-3).

    Counts and expected counts (from all drugs) of the pair in both windows. What the drug shows in the control window as well
    (its users' illness, its fame) is part of the expectation: E* = E (control n / control E). NaN without a control expectation.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        adjusted = np.where(control_expected > 0, expected * control_n / control_expected, np.nan)
    return shrunk(n, adjusted)


def surge_p(observed: Counts, past: Counts, season: Floats, season_now: float) -> Floats:
    """One-sided p-values: the chance of counts of at least `observed` [pairs] in the current bucket.

    `past` [pairs, buckets] are the counts of earlier buckets of the same length, `season` [buckets] and `season_now` how busy
    those and the current bucket are (mean 1, see `weekday_season`). A pair's rate has a gamma distribution, from Jeffreys' prior
    and its past; the prediction is negative binomial. A pair whose past is of no bucket gives NaN.
    """
    exposure = float(np.sum(season))
    if exposure <= 0:
        return np.full(len(observed), np.nan)
    shape = past.sum(axis=1) + SHRINKAGE
    # The negative binomial's survival function as scipy.stats has it, which takes a quarter of a second to load.
    reached = betainc(observed, shape, 1 - exposure / (exposure + season_now))
    return np.where(np.asarray(observed) > 0, reached, 1.0)


def weekday(days: Counts) -> Counts:
    """The weekday, Monday 0, of days since 1970-01-01."""
    return (days + _WEEKDAY_OF_EPOCH) % DAYS_A_WEEK


def weekday_season(totals: Counts, weekdays: Counts) -> Floats:
    """How busy each weekday (0 to 6) is against the mean, from the counts of all reports a day and the days' weekdays."""
    return season(totals, weekdays, DAYS_A_WEEK)


def season(totals: Counts, phase: Counts, phases: int, added: int = 1) -> Floats:
    """How busy each phase (a weekday, an hour of the day) is against the mean, from counts and the phase of each.

    To each phase `added` mean counts are added, so that short pasts do not make seasons out of chance. A phase that the past
    does not have, or a past without reports, is as busy as the mean.
    """
    if not totals.sum():
        return np.ones(phases)
    mean = totals.sum() / len(totals)
    sums = np.bincount(phase, weights=totals, minlength=phases)
    return np.asarray((sums + added * mean) / ((np.bincount(phase, minlength=phases) + added) * mean))

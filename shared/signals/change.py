"""Change over time: a pair in a window against its drug's control window, and a bucket's count against the drug's own past."""

from __future__ import annotations

import numpy as np
from scipy.stats import nbinom

from shared.signals.measures import SHRINKAGE, Counts, Floats, Interval, shrunk

DAYS_A_WEEK = 7


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
    result: Floats = nbinom.sf(np.asarray(observed) - 1, shape, exposure / (exposure + season_now))
    return result


def weekday_season(totals: Counts, weekdays: Counts) -> Floats:
    """How busy each weekday (0 to 6) is against the mean, from the counts of all reports a day and the days' weekdays.

    A weekday that the past does not have, or a past without reports, is as busy as the mean.
    """
    days = np.bincount(weekdays, minlength=DAYS_A_WEEK)
    sums = np.bincount(weekdays, weights=totals, minlength=DAYS_A_WEEK)
    if not totals.sum():
        return np.ones(DAYS_A_WEEK)
    # One day of mean counts is added to each weekday, so that short pasts do not make seasons out of chance.
    mean = totals.sum() / len(totals)
    return np.asarray((sums + mean) / ((days + 1) * mean))

"""Two drugs together: is a reaction reported with both more often than their single effects explain?

The shrinkage measure Omega of Norén, Sundberg, Bate and Edwards 2008 (doi:10.1002/sim.3247): the baseline adds the two drugs' own
excess over those who take neither, and the logarithm of observed over expected is shrunk like the IC.
"""

from __future__ import annotations

import numpy as np

from shared.signals.measures import Counts, Floats, Interval, shrunk


def expected_together(with_reaction: tuple[Counts, ...], reports: tuple[Counts, ...]) -> Floats:
    """Expected reports with the reaction among those with both drugs.

    Both arguments hold four arrays of one shape: of reports with neither drug, the first alone, the second alone, both. NaN where
    one of the first three groups is empty or all its reports have the reaction.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        risks = [np.asarray(n, dtype=np.float64) / all_ for n, all_ in zip(with_reaction[:3], reports[:3], strict=True)]
        neither, first, second = (risk / (1 - risk) for risk in risks)
        # A drug that seems to protect is taken to have no effect of its own.
        odds = np.maximum(neither, first) + np.maximum(neither, second) - neither
        result = odds / (1 + odds) * reports[3]
    return np.where(np.isfinite(result), result, np.nan)


def omega(with_reaction: tuple[Counts, ...], reports: tuple[Counts, ...]) -> Interval:
    """Omega = log2((n111 + 1/2)/(E111 + 1/2)); `lower` is Omega025, above 0 where the two together stand out."""
    return shrunk(with_reaction[3], expected_together(with_reaction, reports))

"""Many pairs at once: false discovery rates, and the family-wise level of the likelihood ratio test."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import chdtrc, lambertw, pdtrc

from shared.signals.counts import Margins
from shared.signals.measures import Counts, Floats

LEAST_P = 1e-4
_HEIGHTS = 48
_PRECISION = 1e-4
# A count that has a height exactly is found through a logarithm and back.
_ROUNDING = 1e-9
# So many expected counts are taken as they are. Of more, those are put together that differ by less than one in a thousand.
_MOST = 50_000
_FINENESS = 1_000
# Room for the logarithms of expected counts from -40 to 40.
_PLACES = 80 * _FINENESS


def false_discovery_rate(p: Floats) -> Floats:
    """Each p-value adjusted by Benjamini and Hochberg 1995: raise what is at most q and q of that is expected to be false.

    NaN stays NaN and is not counted among the tests.
    """
    adjusted = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    ranks = np.arange(1, len(order) + 1)
    scaled = p[order] * (len(order) / ranks)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def chi2_p(statistic: Floats) -> Floats:
    """The p-value of a chi-squared with one degree of freedom; NaN stays NaN."""
    result: Floats = chdtrc(1, statistic)
    return result


class FamilyWise:
    """The chance that any of all pairs reaches a Poisson likelihood ratio when no drug has to do with any reaction.

    The likelihood ratio test of Huang, Zalkikar and Tiwari (2011, doi:10.1198/jasa.2011.ap10243) takes the distribution of the
    greatest ratio from a simulation. With the counts of pairs as independent Poisson variables it is a product, and is computed
    exactly here: the ratio of a pair reaches a height when its count reaches the least integer that has it. In very large tables
    expected counts that are nearly alike are put together.
    """

    def __init__(self, margins: Margins) -> None:
        """Pairs that were never reported belong to the family. Expected counts are sums over the strata."""
        self._expected, self._pairs = _expectations(margins)

    def chance(self, height: float) -> float:
        """The probability that the greatest ratio is at least `height`, which is above 0."""
        over: Any = (height / self._expected - 1) / np.e
        needed = np.ceil(self._expected * np.exp(lambertw(over).real + 1) - _ROUNDING)
        # Not as a dot product, whose last bits depend on how many threads a process has.
        return float(-np.expm1(np.sum(self._pairs * np.log1p(-pdtrc(needed - 1, self._expected)))))

    def critical(self, alpha: float = 0.05) -> float:
        """The least height that is reached with a probability of `alpha` at most; 0 where there is no pair."""
        if not len(self._expected):
            return 0.0
        low, high = 0.0, 1.0
        while self.chance(high) > alpha:
            low, high = high, 2 * high
        while high - low > _PRECISION:
            middle = (low + high) / 2
            low, high = (middle, high) if self.chance(middle) > alpha else (low, middle)
        return high

    def p(self, llr: Floats) -> Floats:
        """Family-wise p-values, rounded up to the next of a few dozen exact ones; NaN stays NaN.

        Nothing below `LEAST_P` is told apart.
        """
        if not len(self._expected):
            return np.full(llr.shape, np.nan)
        heights = np.linspace(self.critical(0.999), self.critical(LEAST_P), _HEIGHTS)
        chances = np.array([1.0, *(self.chance(height) for height in heights)])
        return np.where(np.isnan(llr), np.nan, chances[np.searchsorted(heights, llr, side="right")])


def _expectations(margins: Margins) -> tuple[Floats, Floats]:
    """Expected counts above 0 of all pairs that there could be, and how many pairs have each."""
    drugs, of_drugs = _alike(margins.drug)
    reactions, of_reactions = _alike(margins.reaction)
    shares = drugs / np.maximum(margins.total, 1)[:, None]
    if shares.shape[1] * reactions.shape[1] <= _MOST:
        every: Floats = (shares.T @ reactions).ravel()
        return every[every > 0], np.outer(of_drugs, of_reactions).ravel()[every > 0].astype(np.float64)
    number, total = np.zeros(_PLACES), np.zeros(_PLACES)
    rows = max(_MOST // reactions.shape[1], 1)
    for start in range(0, shares.shape[1], rows):
        part = slice(start, start + rows)
        expected: Floats = (shares[:, part].T @ reactions).ravel()
        pairs = np.outer(of_drugs[part], of_reactions).ravel()[expected > 0]
        expected = expected[expected > 0]
        place = np.rint(np.log(expected) * _FINENESS).astype(np.int64) + _PLACES // 2
        number += np.bincount(place, pairs, _PLACES)
        total += np.bincount(place, pairs * expected, _PLACES)
    return total[number > 0] / number[number > 0], number[number > 0]


def _alike(margins: Counts) -> tuple[Counts, Counts]:
    """The distinct columns that are not all 0, and how many there are of each."""
    return np.unique(margins[:, margins.any(axis=0)], axis=1, return_counts=True)

"""Measures of disproportionality over arrays of 2x2 tables.

Every function takes `a, b, c, d` (see `shared.events.Table`) as arrays of one shape and gives floats of that shape. What a table
cannot give honestly is NaN, never infinity; a true 0 stays 0, though its logarithmic interval is NaN. Intervals are at 95 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from shared.events import Measure

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
# Cells of tables: floats where some of them cannot be.
Cells = Counts | Floats

# The 97.5 % quantile of the normal distribution, and the tail it leaves.
Z = 1.959963985
TAIL = 0.025
# Added to observed and expected count (Norén et al. 2013): shrinks the IC of sparse pairs towards 0.
SHRINKAGE = 0.5


@dataclass(frozen=True)
class Interval:
    """A measure and its interval, arrays of one shape; NaN where the table cannot give it."""

    value: Floats
    lower: Floats
    upper: Floats

    def at(self, index: int) -> Measure:
        """One table's values as the message carries them: None in place of NaN."""
        return Measure(number(self.value[index]), number(self.lower[index]), number(self.upper[index]))


def number(value: np.float64 | float) -> float | None:
    """A float for a message; None for what is absent."""
    return float(value) if np.isfinite(value) else None


def divide(top: Floats | Counts, bottom: Floats | Counts) -> Floats:
    """Quotient, NaN where the divisor is 0."""
    result = np.full(np.shape(top), np.nan)
    return np.divide(top, bottom, out=result, where=np.asarray(bottom) != 0)


def _log_interval(value: Floats, variance: Floats) -> Interval:
    """Wald interval on the logarithm; absent for a value of 0, whose logarithm is not finite."""
    half_width = Z * np.sqrt(np.where(value > 0, variance, np.nan))
    return Interval(value, value * np.exp(-half_width), value * np.exp(half_width))


def expected(a: Cells, b: Cells, c: Cells, d: Cells) -> Floats:
    """E = (a+b)(a+c)/N, the count of the pair if drug and reaction were independent. NaN for an empty table."""
    drug = np.asarray(a + b, dtype=np.float64)
    return divide(drug * (a + c), a + b + c + d)


def prr(a: Cells, b: Cells, c: Cells, d: Cells) -> Interval:
    """Proportional reporting ratio (Evans et al. 2001): [a/(a+b)] / [c/(c+d)]."""
    value = divide(divide(a, a + b), divide(c, c + d))
    one = np.ones(np.shape(a))
    variance = divide(one, a) - divide(one, a + b) + divide(one, c) - divide(one, c + d)
    # With a = a+b and c = c+d the variance is 0 up to rounding, which may fall below.
    return _log_interval(value, np.maximum(variance, 0.0))


def ror(a: Cells, b: Cells, c: Cells, d: Cells) -> Interval:
    """Reporting odds ratio (van Puijenbroek et al. 2002): ad/(bc)."""
    value = divide(np.asarray(a, dtype=np.float64) * d, np.asarray(b, dtype=np.float64) * c)
    one = np.ones(np.shape(a))
    return _log_interval(value, divide(one, a) + divide(one, b) + divide(one, c) + divide(one, d))


def rrr(a: Cells, b: Cells, c: Cells, d: Cells) -> Floats:
    """Relative reporting ratio a/E: for ranking only, without an interval."""
    return divide(np.asarray(a, dtype=np.float64), expected(a, b, c, d))


def yule_q(a: Cells, b: Cells, c: Cells, d: Cells) -> Interval:
    """Yule's Q = (ROR-1)/(ROR+1) = (ad-bc)/(ad+bc), with Wald's interval; absent where a cell is 0."""
    concordant, discordant = np.asarray(a, dtype=np.float64) * d, np.asarray(b, dtype=np.float64) * c
    value = divide(concordant - discordant, concordant + discordant)
    one = np.ones(np.shape(a))
    variance = divide(one, a) + divide(one, b) + divide(one, c) + divide(one, d)
    half_width = Z / 2 * (1 - value**2) * np.sqrt(variance)
    return Interval(value, value - half_width, value + half_width)


def poisson_llr(a: Floats | Counts, expected_count: Floats) -> Floats:
    """Log likelihood ratio of a Poisson count above its expectation: a ln(a/E) - (a-E) where a > E, else 0."""
    ratio = divide(np.asarray(a, dtype=np.float64), expected_count)
    above = ratio > 1
    # The larger of the ratio and 1 has a logarithm wherever there is a ratio.
    value = a * np.log(np.maximum(ratio, 1.0)) - (a - expected_count)
    return np.where(np.isnan(ratio), np.nan, np.where(above, value, 0.0))


def chi2(a: Cells, b: Cells, c: Cells, d: Cells) -> Floats:
    """Pearson's chi-squared without correction: N (ad-bc)^2 / product of the margins. NaN if a margin is 0."""
    a_, b_, c_, d_ = (np.asarray(x, dtype=np.float64) for x in (a, b, c, d))
    squared = (a_ + b_ + c_ + d_) * (a_ * d_ - b_ * c_) ** 2
    return divide(squared, (a_ + b_) * (c_ + d_) * (a_ + c_) * (b_ + d_))


def chi2_yates(a: Cells, b: Cells, c: Cells, d: Cells) -> Floats:
    """Chi-squared with Yates' correction: N max(|ad-bc| - N/2, 0)^2 / product of the margins. NaN if a margin is 0."""
    wide = [np.asarray(x, dtype=np.float64) for x in (a, b, c, d)]
    a_, b_, c_, d_ = wide
    total = a_ + b_ + c_ + d_
    distance = np.maximum(np.abs(a_ * d_ - b_ * c_) - total / 2, 0.0)
    return divide(total * distance**2, (a_ + b_) * (c_ + d_) * (a_ + c_) * (b_ + d_))


def ic(a: Cells, b: Cells, c: Cells, d: Cells) -> Interval:
    """Information component log2((a+1/2)/(E+1/2)) with its credibility interval (Norén et al. 2013); `lower` is IC025."""
    return shrunk(a, expected(a, b, c, d))


def shrunk(observed: Cells, expected_count: Floats) -> Interval:
    """log2((O+1/2)/(E+1/2)); the bounds are log2 of the 2.5 % and 97.5 % quantiles of Gamma(shape O + 1/2, rate E + 1/2)."""
    number = np.asarray(observed)
    rate = expected_count + SHRINKAGE
    # Of the shape alone; pairs by the million have few different counts.
    heights, place = np.unique(number, return_inverse=True)
    shape = heights.astype(np.float64) + SHRINKAGE
    middle, lower, upper = (
        np.log2(quantile)[place].reshape(number.shape) - np.log2(rate)
        for quantile in (shape, gammaincinv(shape, TAIL), gammaincinv(shape, 1 - TAIL))
    )
    return Interval(middle, lower, upper)

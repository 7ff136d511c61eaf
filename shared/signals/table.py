"""All measures of all pairs as one table: a column each, an array over the pairs. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.signals import ebgm
from shared.signals import measures as m
from shared.signals.counts import Pairs
from shared.signals.measures import Counts, Floats, Interval
from shared.signals.multiplicity import FamilyWise, chi2_p, false_discovery_rate


@dataclass(frozen=True)
class MeasuredTable:
    """`columns` by name, in the order in which they are shown; NaN where a table cannot give a value.

    `fit` is that of the prior of EBGM, None where there was nothing to fit. Columns of EBGM are NaN unless it is trustworthy.
    """

    pairs: Pairs
    columns: dict[str, Counts | Floats]
    fit: ebgm.Fit | None


def measure(pairs: Pairs) -> MeasuredTable:
    """Every measure that a table at one moment has. Measures over an expected count take that of the pairs, stratified or not.

    Reports that name drug and reaction, but never as a pair, may leave fewer than none for d: such a table has no measure over d.
    """
    a, b, c, expected = pairs.a, pairs.b, pairs.c, pairs.expected
    d = np.where(pairs.d >= 0, pairs.d, np.nan)
    chi2, yates = m.chi2(a, b, c, d), m.chi2_yates(a, b, c, d)
    llr = m.poisson_llr(a, expected)
    p = chi2_p(yates)
    fit = ebgm.fit(a, expected)
    shrunk = (
        ebgm.posterior(fit.prior, a, expected)
        if fit is not None and fit.trustworthy
        else Interval(*[np.full(len(pairs), np.nan)] * 3)
    )
    columns: dict[str, Counts | Floats] = {"a": a, "b": b, "c": c, "d": pairs.d, "expected": expected}
    columns |= _named("prr", m.prr(a, b, c, d))
    columns |= _named("ror", m.ror(a, b, c, d))
    columns["rrr"] = m.divide(a.astype(np.float64), expected)
    columns |= _named("q", m.yule_q(a, b, c, d))
    columns |= {"chi2": chi2, "chi2_yates": yates, "chi2_p": p, "chi2_fdr": false_discovery_rate(p)}
    columns |= _named("ic", m.shrunk(a, expected), "ic025", "ic975")
    columns |= _named("ebgm", shrunk, "eb05", "eb95")
    columns |= {"llr": llr, "llr_p": _family_wise(pairs, llr)}
    return MeasuredTable(pairs, columns, fit)


def _family_wise(pairs: Pairs, llr: Floats) -> Floats:
    """p over all pairs that there could be; NaN for counts whose other pairs are not known."""
    if not pairs.of_reports or not len(pairs):
        return np.full(len(pairs), np.nan)
    return FamilyWise(*pairs.margins(), pairs.total).p(llr)


def _named(name: str, interval: Interval, lower: str = "", upper: str = "") -> dict[str, Floats]:
    return {name: interval.value, lower or f"{name}_lower": interval.lower, upper or f"{name}_upper": interval.upper}

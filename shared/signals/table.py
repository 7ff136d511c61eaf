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


def measure_cells(a: Counts, b: Counts, c: Counts, d: Counts | Floats, expected: Floats) -> dict[str, Counts | Floats]:
    """The measures that each table has by itself; over an expected count they take that given, stratified or not."""
    columns: dict[str, Counts | Floats] = {"a": a, "b": b, "c": c, "d": d, "expected": expected}
    columns |= _named("prr", m.prr(a, b, c, d))
    columns |= _named("ror", m.ror(a, b, c, d))
    columns["rrr"] = m.divide(a.astype(np.float64), expected)
    columns |= _named("q", m.yule_q(a, b, c, d))
    columns |= {"chi2": m.chi2(a, b, c, d), "chi2_yates": m.chi2_yates(a, b, c, d)}
    columns |= _named("ic", m.shrunk(a, expected), "ic025", "ic975")
    columns["llr"] = m.poisson_llr(a, expected)
    return columns


def measure(pairs: Pairs) -> MeasuredTable:
    """Every measure that a table at one moment has, those that need all pairs included.

    Reports that name drug and reaction, but never as a pair, may leave fewer than none for d: such a table has no measure over d.
    """
    d = np.where(pairs.d >= 0, pairs.d, np.nan)
    columns = measure_cells(pairs.a, pairs.b, pairs.c, d, pairs.expected) | {"d": pairs.d}
    columns |= chi2_rates(np.asarray(columns["chi2_yates"]))
    columns |= family_wise(pairs, np.asarray(columns["llr"]))
    fit, shrunk = empirical_bayes(pairs.a, pairs.expected)
    columns |= shrunk
    return MeasuredTable(pairs, columns, fit)


def chi2_rates(statistic: Floats) -> dict[str, Floats]:
    """The p-value of chi-squared with Yates' correction, and its false discovery rate over all pairs."""
    p = chi2_p(statistic)
    return {"chi2_p": p, "chi2_fdr": false_discovery_rate(p)}


def family_wise(pairs: Pairs, llr: Floats) -> dict[str, Floats]:
    """p of the likelihood ratio over all pairs that there could be; NaN for counts whose other pairs are not known."""
    if pairs.margins is None:
        return {"llr_p": np.full(len(pairs), np.nan)}
    return {"llr_p": FamilyWise(pairs.margins).p(llr)}


def empirical_bayes(a: Counts, expected: Floats) -> tuple[ebgm.Fit | None, dict[str, Floats]]:
    """The fit of the prior over all pairs, and what it makes of each; NaN without a fit that can be trusted."""
    fit = ebgm.fit(a, expected)
    shrunk = (
        ebgm.posterior(fit.prior, a, expected)
        if fit is not None and fit.trustworthy
        else Interval(*[np.full(len(a), np.nan)] * 3)
    )
    return fit, _named("ebgm", shrunk, "eb05", "eb95")


def _named(name: str, interval: Interval, lower: str = "", upper: str = "") -> dict[str, Floats]:
    return {name: interval.value, lower or f"{name}_lower": interval.lower, upper or f"{name}_upper": interval.upper}

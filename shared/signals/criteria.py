"""The rules that a pair's measures may meet, by name: what each fires on, with the thresholds of the rule file. Pure.

Columns are those of `shared.signals.table`, arrays over pairs. A rule whose measure is absent abstains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.signals.rules import Rules

Columns = Mapping[str, NDArray[Any]]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Verdict:
    """What one rule says of each pair: it fires, or it abstains because its measure is absent."""

    fires: Flags
    abstains: Flags


def evans(columns: Columns, rules: Rules) -> Verdict:
    """Evans' criteria: PRR, chi-squared with Yates' correction and the count of reports."""
    rule, prr, chi2 = rules.evans, columns["prr"], columns["chi2_yates"]
    fires = (prr >= rule.prr.value) & (chi2 >= rule.chi2.value) & (columns["a"] >= rule.reports.value)
    return Verdict(fires, np.isnan(prr) | np.isnan(chi2))


def ror(columns: Columns, rules: Rules) -> Verdict:
    """The lower bound of the reporting odds ratio and the count of reports."""
    fires = (columns["ror_lower"] > rules.ror.lower.value) & (columns["a"] >= rules.ror.reports.value)
    return Verdict(fires, np.isnan(columns["ror"]))


def ic025(columns: Columns, rules: Rules) -> Verdict:
    """The lower bound of the information component."""
    return _above(columns["ic025"], rules.ic025.lower.value)


def q(columns: Columns, rules: Rules) -> Verdict:
    """The lower bound of Yule's Q."""
    return _above(columns["q_lower"], rules.q.lower.value)


def eb05(columns: Columns, rules: Rules) -> Verdict:
    """The 5 % quantile of the empirical Bayes posterior."""
    value = columns["eb05"]
    return Verdict(value >= rules.eb05.lower.value, np.isnan(value))


def mhra(columns: Columns, rules: Rules) -> Verdict:
    """EBGM, its 5 % quantile and the count of reports together."""
    rule = rules.mhra
    fires = (columns["ebgm"] >= rule.ebgm.value) & (columns["eb05"] >= rule.eb05.value)
    return Verdict(fires & (columns["a"] >= rule.reports.value), np.isnan(columns["ebgm"]))


def chi2(columns: Columns, rules: Rules) -> Verdict:
    """Chi-squared with Yates' correction beyond chance, by its false discovery rate; enough reports, and more than expected."""
    rule, rate, a = rules.chi2, columns["chi2_fdr"], columns["a"]
    fires = (rate < rule.rate.value) & (a >= rule.reports.value) & (a > columns["expected"])
    return Verdict(fires, np.isnan(rate))


def llr(columns: Columns, rules: Rules) -> Verdict:
    """The family-wise p-value of the Poisson likelihood ratio."""
    p = columns["llr_p"]
    return Verdict(p < rules.llr.p.value, np.isnan(p))


def _above(lower: NDArray[Any], threshold: float) -> Verdict:
    return Verdict(lower > threshold, np.isnan(lower))


CRITERIA: dict[str, Callable[[Columns, Rules], Verdict]] = {
    "evans": evans, "ror": ror, "ic025": ic025, "q": q, "eb05": eb05, "mhra": mhra, "chi2": chi2, "llr": llr,
}  # fmt: skip

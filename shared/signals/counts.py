"""Reports to counts: for each pair of a drug and a reaction the 2x2 table over distinct reports. Pure.

The unit is the distinct report, not the row: a report that names three drugs and two reactions is one report with six pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.signals.measures import Counts, Floats
from shared.signals.measures import expected as expected_count


@dataclass(frozen=True)
class Reports:
    """Rows of reports: codes of report, drug and reaction, from 0. `stratum`: a code of each row's report, or None."""

    drugs: Sequence[str]
    reactions: Sequence[str]
    report: Counts
    drug: Counts
    reaction: Counts
    stratum: Counts | None = None

    def without(self, drug: str) -> Reports:
        """The same without any report that names a drug: what a drug with many reports of a reaction masks in others comes out.

        Raises KeyError for a drug that no report names.
        """
        if drug not in self.drugs:
            raise KeyError(drug)
        masking = np.unique(self.report[self.drug == list(self.drugs).index(drug)])
        return self.where(~np.isin(self.report, masking))

    def where(self, kept: NDArray[np.bool_]) -> Reports:
        """The same with the rows that are `kept`."""
        return replace(
            self,
            report=self.report[kept],
            drug=self.drug[kept],
            reaction=self.reaction[kept],
            stratum=None if self.stratum is None else self.stratum[kept],
        )


@dataclass(frozen=True)
class Pairs:
    """The tables of pairs: codes of drug and reaction, a, b, c, d, and the expected count, arrays of one length.

    `of_reports`: whether all tables are of the same reports, so that the pairs that nobody reported are known as well.
    """

    drugs: Sequence[str]
    reactions: Sequence[str]
    drug: Counts
    reaction: Counts
    a: Counts
    b: Counts
    c: Counts
    d: Counts
    expected: Floats
    of_reports: bool = False

    def __len__(self) -> int:
        return len(self.a)

    @property
    def total(self) -> int:
        """The number of reports, of the first table."""
        return int(self.a[0] + self.b[0] + self.c[0] + self.d[0]) if len(self) else 0

    def margins(self) -> tuple[Counts, Counts]:
        """The reports of each drug and of each reaction that a pair has."""
        of_drugs = np.zeros(len(self.drugs), dtype=np.int64)
        of_reactions = np.zeros(len(self.reactions), dtype=np.int64)
        of_drugs[self.drug] = self.a + self.b
        of_reactions[self.reaction] = self.a + self.c
        return of_drugs[of_drugs > 0], of_reactions[of_reactions > 0]


def count(reports: Reports) -> Pairs:
    """The tables of all pairs that any report names, ordered by drug and reaction as these are.

    With strata, the expected count is the sum of those within each stratum (Mantel and Haenszel's), so that a drug and a reaction
    that only share a season, a sex or a source do not stand out; the tables are those of all reports.
    """
    report, drug = _distinct(reports.report, reports.drug)
    of_drug = np.bincount(drug, minlength=len(reports.drugs))
    reported, reaction = _distinct(reports.report, reports.reaction)
    of_reaction = np.bincount(reaction, minlength=len(reports.reactions))
    codes, in_report = np.unique(
        reports.drug * max(len(reports.reactions), 1) + reports.reaction, return_inverse=True
    )  # fmt: skip
    pair_drug, pair_reaction = np.divmod(codes, max(len(reports.reactions), 1))
    _, pair = _distinct(reports.report, in_report)
    a = np.bincount(pair, minlength=len(codes))
    b, c = of_drug[pair_drug] - a, of_reaction[pair_reaction] - a
    d = len(np.unique(reports.report)) - a - b - c
    expected = expected_count(a, b, c, d)
    if reports.stratum is not None:
        of_report = np.zeros(int(reports.report.max(initial=-1)) + 1, dtype=np.int64)
        of_report[reports.report] = reports.stratum
        expected = np.zeros(len(codes))
        for stratum in np.unique(reports.stratum):
            drugs = np.bincount(drug[of_report[report] == stratum], minlength=len(reports.drugs))
            reactions = np.bincount(reaction[of_report[reported] == stratum], minlength=len(reports.reactions))
            total = len(np.unique(reports.report[reports.stratum == stratum]))
            expected += drugs[pair_drug] * reactions[pair_reaction] / total
    return Pairs(reports.drugs, reports.reactions, pair_drug, pair_reaction, a, b, c, d, expected, of_reports=True)


def _distinct(one: Counts, other: Counts) -> tuple[Counts, Counts]:
    """The distinct pairs of two codes, ordered."""
    size = int(other.max(initial=0)) + 1
    keys = np.unique(one.astype(np.int64) * size + other)
    first, second = np.divmod(keys, size)
    return first, second

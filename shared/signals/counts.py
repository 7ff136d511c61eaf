"""Reports to counts: for each pair of a drug and a reaction the 2x2 table over distinct reports. Pure.

The unit is the distinct report, not the row: a report that names three drugs and two reactions is one report with six pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.signals.measures import Counts, Floats


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


def stacked(sources: Sequence[Reports]) -> Reports:
    """The reports of several sources together, each source a stratum. Names are the same that are written the same."""
    drug_codes: dict[str, int] = {}
    reaction_codes: dict[str, int] = {}
    rows: list[tuple[Counts, Counts, Counts, Counts]] = []
    first = 0
    for stratum, source in enumerate(sources):
        drug = _recoded(drug_codes, source.drugs)[source.drug]
        reaction = _recoded(reaction_codes, source.reactions)[source.reaction]
        rows.append((source.report + first, drug, reaction, np.full(len(drug), stratum)))
        first += int(source.report.max(initial=-1)) + 1
    return Reports(
        list(drug_codes), list(reaction_codes), *(np.concatenate(column) for column in zip(*rows, strict=True))
    )


def _recoded(codes: dict[str, int], names: Sequence[str]) -> Counts:
    """The code of each name, new ones being added to `codes`."""
    return np.array([codes.setdefault(name, len(codes)) for name in names], dtype=np.int64)


@dataclass(frozen=True)
class Margins:
    """Distinct reports of each drug [strata, drugs], of each reaction [strata, reactions], and of all [strata]."""

    drug: Counts
    reaction: Counts
    total: Counts

    @classmethod
    def of_pairs(cls, drug: Counts, reaction: Counts, of_drug: Counts, of_reaction: Counts, total: int) -> Margins:
        """Without strata, from pairs: the codes of their drug and reaction, and how many reports each of these has."""
        drugs = np.zeros((1, int(drug.max(initial=-1)) + 1), dtype=np.int64)
        reactions = np.zeros((1, int(reaction.max(initial=-1)) + 1), dtype=np.int64)
        drugs[0, drug], reactions[0, reaction] = of_drug, of_reaction
        return cls(drugs, reactions, np.array([total]))


@dataclass(frozen=True)
class Pairs:
    """The tables of pairs: codes of drug and reaction, a, b, c, d, and the expected count, arrays of one length.

    `margins` are those that the expected counts come from, of all drugs and reactions; None where the tables may be of different
    reports, so that it is not known which pairs nobody reported.
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
    margins: Margins | None = None

    def __len__(self) -> int:
        return len(self.a)

    @property
    def total(self) -> int:
        """The number of reports, of the first table."""
        return int(self.a[0] + self.b[0] + self.c[0] + self.d[0]) if len(self) else 0


def count(reports: Reports) -> Pairs:
    """The tables of all pairs that any report names, ordered by drug and reaction as these are.

    With strata, the expected count is the sum of those within each stratum (Mantel and Haenszel's), so that a drug and a reaction
    that only share a season, a sex or a source do not stand out; the tables are those of all reports.
    """
    stratum = np.zeros_like(reports.report) if reports.stratum is None else reports.stratum
    strata, stratum = np.unique(stratum, return_inverse=True)
    of_report = np.zeros(int(reports.report.max(initial=-1)) + 1, dtype=np.int64)
    of_report[reports.report] = stratum
    margins = Margins(
        _tallied(of_report, reports.report, reports.drug, (len(strata), len(reports.drugs))),
        _tallied(of_report, reports.report, reports.reaction, (len(strata), len(reports.reactions))),
        np.bincount(of_report[np.unique(reports.report)], minlength=len(strata)),
    )
    codes, in_report = np.unique(
        reports.drug * max(len(reports.reactions), 1) + reports.reaction, return_inverse=True
    )  # fmt: skip
    drug, reaction = np.divmod(codes, max(len(reports.reactions), 1))
    _, pair = _distinct(reports.report, in_report)
    a = np.bincount(pair, minlength=len(codes))
    b, c = margins.drug.sum(axis=0)[drug] - a, margins.reaction.sum(axis=0)[reaction] - a
    d = margins.total.sum() - a - b - c
    expected = np.zeros(len(codes))
    for of_drugs, of_reactions, total in zip(margins.drug, margins.reaction, margins.total, strict=True):
        expected += of_drugs[drug] * of_reactions[reaction] / total
    return Pairs(reports.drugs, reports.reactions, drug, reaction, a, b, c, d, expected, margins)


def _tallied(of_report: Counts, report: Counts, code: Counts, shape: tuple[int, int]) -> Counts:
    """Distinct reports of each stratum and code."""
    named, codes = _distinct(report, code)
    return np.bincount(of_report[named] * shape[1] + codes, minlength=shape[0] * shape[1]).reshape(shape)


def _distinct(one: Counts, other: Counts) -> tuple[Counts, Counts]:
    """The distinct pairs of two codes, ordered."""
    size = int(other.max(initial=0)) + 1
    keys = np.unique(one.astype(np.int64) * size + other)
    first, second = np.divmod(keys, size)
    return first, second

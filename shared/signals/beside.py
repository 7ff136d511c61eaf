"""The evidence of several sources side by side, and combined. Pure.

Combined means stratified by source, as Mantel and Haenszel (1959) do: what is expected of a pair is the sum of what each source by
itself leads to expect, so that a drug or a reaction that one source has more of than another does not stand out for that. The
information component and EBGM are then those of the summed count over the summed expectation; the reporting odds ratio is Mantel
and Haenszel's, with the interval of Robins, Breslow and Greenland (1986, doi:10.2307/2531052).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from shared.signals import measures as m
from shared.signals.counts import Margins, Pairs
from shared.signals.criteria import CRITERIA, Flags
from shared.signals.measures import Counts, Floats, Interval
from shared.signals.rules import Rules
from shared.signals.table import empirical_bayes, family_wise, measure

COMBINED = "combined"
# The rules whose measures a combination has.
RULES = ("ic025", "eb05", "mhra", "ror", "llr")
_OF_PAIRS = ("drug", "reaction", "a", "b", "c", "d", "expected")
_SHRUNK = ("ic", "ic025", "ic975")

Columns = dict[str, Counts | Floats]


@dataclass(frozen=True)
class Source:
    """One source's counts of pairs, arrays over the same pairs for all sources: of the pair, of its drug, of its reaction.

    `total`: the number of its reports. A pair that it does not have has a count of 0; its drug or reaction may be unknown to it.
    """

    name: str
    total: int
    a: Counts
    drug: Counts
    reaction: Counts


@dataclass(frozen=True)
class Beside:
    """Columns by name, each after its source, and what fired: the rules by source, and the sources by the rule that was asked.

    `kept`: the places of the pairs that it is of.
    `without_ebgm`: the sources whose pairs are too few to tell the prior of EBGM.
    """

    kept: Counts
    columns: Columns
    fired: dict[str, list[str]]
    flagged_by: list[str]
    without_ebgm: tuple[str, ...]


def beside(
    sources: Sequence[Source], drug: Counts, reaction: Counts, rules: Rules, rule: str, least: int = 1
) -> Beside:
    """All measures, by source and combined. `drug`, `reaction`: codes of the pairs; `rule`: one of `RULES`.

    All pairs are measured; the result has those of which the sources together have `least` reports.
    """
    kept = np.flatnonzero(np.sum([source.a for source in sources], axis=0) >= least)
    columns: Columns = {}
    fired: dict[str, list[str]] = {}
    flags: dict[str, Flags] = {}
    without_ebgm = []
    for name in (*(source.name for source in sources), COMBINED):
        own = next((source for source in sources if source.name == name), None)
        table = _combined(sources, drug, reaction) if own is None else _alone(own, drug, reaction)
        if np.isnan(table["ebgm"]).all():
            without_ebgm.append(name)
        # One table of all pairs at a time: there may be millions.
        table = {column: values[kept] for column, values in table.items()}
        verdicts = {each: CRITERIA[each](table, rules).fires for each in (RULES if own is None else CRITERIA)}
        columns |= {f"{name}_{column}": values for column, values in table.items()}
        fired[name], flags[name] = _listed(verdicts), verdicts[rule]
    return Beside(kept, columns, fired, _listed(flags), tuple(without_ebgm))


def _alone(source: Source, drug: Counts, reaction: Counts) -> Columns:
    """Every measure of a source by itself, over the pairs that it has.

    Of a pair that it does not have, but whose drug and reaction it knows, the shrunk IC tells how few that is.
    """
    a, b, c, d = _cells(source)
    expected = _expected(source)
    had, known = source.a > 0, (source.drug > 0) & (source.reaction > 0)
    pairs = _pairs(drug, reaction, (a, b, c, d), expected, [source])
    own = replace(pairs, **{name: getattr(pairs, name)[had] for name in _OF_PAIRS})
    columns: Columns = {}
    for name, values in measure(own).columns.items():
        column = np.full(len(a), np.nan)
        column[had] = values
        columns[name] = column
    for name, values in zip(_SHRUNK, _of(m.shrunk(a, expected)), strict=True):
        columns[name] = np.where(known, values, np.nan)
    return columns | {"a": a, "b": b, "c": c, "d": d, "expected": expected}


def _combined(sources: Sequence[Source], drug: Counts, reaction: Counts) -> Columns:
    cells = [_cells(source) for source in sources]
    a, b, c, d = (np.sum([each[at] for each in cells], axis=0) for at in range(4))
    expected: Floats = np.sum([_expected(source) for source in sources], axis=0)
    pairs = _pairs(drug, reaction, (a, b, c, d), expected, sources)
    columns: Columns = {"a": a, "b": b, "c": c, "d": d, "expected": expected}
    columns["rrr"] = m.divide(a.astype(np.float64), expected)
    columns |= dict(zip(("ror", "ror_lower", "ror_upper"), _of(pooled_ror(cells)), strict=True))
    columns |= dict(zip(_SHRUNK, _of(m.shrunk(a, expected)), strict=True))
    llr = m.poisson_llr(a, expected)
    return columns | {"llr": llr} | family_wise(pairs, llr) | empirical_bayes(a, expected)[1]


def _pairs(
    drug: Counts,
    reaction: Counts,
    cells: tuple[Counts, Counts, Counts, Counts],
    expected: Floats,
    strata: Sequence[Source],
) -> Pairs:
    """Pairs by code, the margins of each source being a stratum; names stay with the caller."""
    unnamed = [[""] * (int(codes.max(initial=-1)) + 1) for codes in (drug, reaction)]
    margins = [np.zeros((len(strata), len(names)), dtype=np.int64) for names in unnamed]
    for at, source in enumerate(strata):
        margins[0][at, drug], margins[1][at, reaction] = source.drug, source.reaction
    totals = np.array([source.total for source in strata], dtype=np.int64)
    return Pairs(unnamed[0], unnamed[1], drug, reaction, *cells, expected, Margins(margins[0], margins[1], totals))


def _expected(source: Source) -> Floats:
    """0 for a pair whose drug or reaction the source does not know."""
    return source.drug.astype(np.float64) * source.reaction / max(source.total, 1)


def pooled_ror(cells: Sequence[tuple[Counts, Counts, Counts, Counts]]) -> Interval:
    """The common odds ratio of several 2x2 tables of each pair (Mantel, Haenszel), its interval after Robins, Breslow, Greenland.

    NaN where a product that it divides by is 0, and where a table cannot be (d below 0). One table gives its own odds ratio.
    """
    parts = []
    for a, b, c, d in cells:
        total = np.asarray(a + b + c + d, dtype=np.float64)
        d_ = np.where(d >= 0, d, np.nan)
        # A table without reports adds nothing.
        shares = ((a + d_, b + c), (a * d_, b * np.asarray(c, dtype=np.float64)))
        parts.append([np.where(total > 0, m.divide(each, total), 0.0) for pair in shares for each in pair])
    p, q, r, s = (np.array(each) for each in zip(*parts, strict=True))
    up, down = r.sum(axis=0), s.sum(axis=0)
    value = m.divide(up, down)
    variance = (
        m.divide((p * r).sum(axis=0), 2 * up**2)
        + m.divide((p * s + q * r).sum(axis=0), 2 * up * down)
        + m.divide((q * s).sum(axis=0), 2 * down**2)
    )
    half_width = m.Z * np.sqrt(np.where(value > 0, variance, np.nan))
    return Interval(value, value * np.exp(-half_width), value * np.exp(half_width))


def _cells(source: Source) -> tuple[Counts, Counts, Counts, Counts]:
    b, c = source.drug - source.a, source.reaction - source.a
    return source.a, b, c, source.total - source.a - b - c


def _of(interval: Interval) -> tuple[Floats, Floats, Floats]:
    return interval.value, interval.lower, interval.upper


def _listed(flags: Mapping[str, Flags]) -> list[str]:
    """For each pair the names whose flag it has."""
    names = list(flags)
    sets = [" ".join(name for at, name in enumerate(names) if number >> at & 1) for number in range(1 << len(names))]
    numbers = np.sum([flag.astype(np.int64) << at for at, flag in enumerate(flags.values())], axis=0)
    return [sets[number] for number in numbers.tolist()]

"""All pairs of one window with all measures: computed once over arrays, then shown in any order, page by page. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import AdrwatchError
from shared.events import UNMAPPED, Measure, Table
from shared.signals import measures as m
from shared.signals.findings import OF_TABLE, OF_WINDOW
from shared.signals.measures import Counts
from shared.signals.rules import HOUR_MS, Rules
from shared.signals.table import measure_cells
from shared.signals.window_measures import WindowMeasures
from shared.signals.windows import Ledger, Window

MEASURES: Mapping[str, tuple[str, ...]] = OF_TABLE | OF_WINDOW
# These take a second or two, over some thousand pairs; all others take milliseconds.
SLOW = ("ebgm", "llr_p")


@dataclass(frozen=True)
class PairRow:
    """A pair in a window: ids, its table, distinct authors, and its measures by the names that alerts give them."""

    drug: str
    reaction: str
    table: Table
    authors: int
    measures: dict[str, Measure]


@dataclass(frozen=True)
class PairPage:
    """Some pairs of a window. `total`: of so many that are wanted; `reports`: N, the posts that count in the window."""

    rows: list[PairRow]
    total: int
    reports: int


@dataclass(frozen=True, eq=False)
class Measured:
    """The pairs that count in [start, end) whose drug and reaction have a concept, an entry each in every array.

    `codes` are those of the ledger; `columns` have the names of `shared.signals.table`, with `authors` and those of the window.
    `computing` are measures that are not there yet: their columns are NaN.
    """

    start_ms: int
    end_ms: int
    reports: int
    codes: Counts
    drugs: NDArray[np.str_]
    reactions: NDArray[np.str_]
    columns: Mapping[str, NDArray[Any]]
    computing: tuple[str, ...] = ()

    def page(
        self,
        drug: str | Collection[str] | None = None,
        reaction: str | Collection[str] | None = None,
        least: int = 1,
        order: str = "ic025",
        descending: bool = True,
        first: int = 0,
        size: int = 50,
    ) -> PairPage:
        """Some of the pairs that `places` gives."""
        ordered = self.places(drug, reaction, least, order, descending)
        return PairPage(
            [self.row(place) for place in ordered[first : first + size].tolist()], len(ordered), self.reports
        )

    def places(
        self,
        drug: str | Collection[str] | None = None,
        reaction: str | Collection[str] | None = None,
        least: int = 1,
        order: str = "ic025",
        descending: bool = True,
    ) -> Counts:
        """The places of the pairs with at least so many reports, by any column; what a table cannot give comes last.

        `drug`, `reaction`: some ids, or one; None for any. `order`: a measure by its name in alerts, one of its bounds
        (`ic025`, `eb05`, `prr_lower`), a cell, `authors`, `drug` or `reaction`. Raises AdrwatchError for another.
        """
        chosen = np.asarray(self.columns["a"]) >= least
        for wanted, ids in ((drug, self.drugs), (reaction, self.reactions)):
            if wanted is not None:
                chosen &= np.isin(ids, [wanted] if isinstance(wanted, str) else list(wanted))
        places = np.flatnonzero(chosen)
        return places[_in_order(self._keys(order)[places], descending)]

    def row(self, place: int) -> PairRow:
        """One pair, by its place in the arrays."""
        columns = self.columns
        return PairRow(
            str(self.drugs[place]),
            str(self.reactions[place]),
            Table(*(int(columns[cell][place]) for cell in ("a", "b", "c", "d"))),
            int(columns["authors"][place]),
            {name: Measure(*(m.number(columns[column][place]) for column in of)) for name, of in MEASURES.items()},
        )

    def find(self, drug: str, reaction: str) -> PairRow | None:
        """One pair; None where none of its reports counts in the window."""
        places = np.flatnonzero((self.drugs == drug) & (self.reactions == reaction))
        return self.row(int(places[0])) if len(places) else None

    def _keys(self, order: str) -> NDArray[Any]:
        if order in ("drug", "reaction"):
            return self.drugs if order == "drug" else self.reactions
        column = MEASURES.get(order, (order,))[0]
        if column not in self.columns:
            raise AdrwatchError(
                f"pairs cannot be put in the order of {order}",
                fix=f"one of drug, reaction, {', '.join(dict.fromkeys((*MEASURES, *self.columns)))}",
            )
        return self.columns[column]


def measured(
    ledger: Ledger, window: Window, start_ms: int, end_ms: int, rules: Rules, *, slow: bool = True
) -> Measured:
    """Count and measure all pairs of a window of whole hours, as an alert of that window is; without `slow`, but for SLOW."""
    names = ledger.vocabulary
    codes = np.array([one for one in window.pairs().tolist() if UNMAPPED not in names.pair_names(one)], dtype=np.int64)
    a, b, c, d, valid = window.tables(codes)
    # Where posts name drug and reaction in separate pairs only there is no table, and no measure over d.
    columns: dict[str, NDArray[Any]] = dict(measure_cells(a, b, c, np.where(valid, d, np.nan), m.expected(a, b, c, d)))
    columns |= {"d": d, "authors": window.authors(codes, rules.counting.posts_without_author.value == "each")}
    others = WindowMeasures(ledger, end_ms, (end_ms - start_ms) // HOUR_MS, rules)
    columns |= others.of(codes) if slow else others.at_once(codes) | _absent(len(codes))
    pairs = [names.pair_names(code) for code in codes.tolist()]
    drugs, reactions = (np.array([pair[side] for pair in pairs], dtype=np.str_) for side in (0, 1))
    return Measured(start_ms, end_ms, window.total, codes, drugs, reactions, columns, () if slow else SLOW)


def _absent(pairs: int) -> dict[str, NDArray[Any]]:
    return {column: np.full(pairs, np.nan) for name in SLOW for column in OF_WINDOW[name]}


def _in_order(keys: NDArray[Any], descending: bool) -> Counts:
    """A stable order, NaN last whichever way."""
    if keys.dtype.kind == "U":
        order = np.argsort(keys, kind="stable")
        return order[::-1] if descending else order
    values = keys.astype(np.float64)
    return np.argsort(-values if descending else values, kind="stable")

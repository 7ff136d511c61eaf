"""The drugs and reactions that are reported most, against each other. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.dashboard.view.measured import Measured
from shared.signals.measures import Counts, Floats, divide, shrunk


@dataclass(frozen=True, eq=False)
class Heat:
    """Reports `a` [drugs, reactions] and the IC of each, with its lower bound. The ids with most reports come first."""

    drugs: list[str]
    reactions: list[str]
    a: Counts
    ic: Floats
    ic025: Floats


def heat(found: Measured, drugs: int = 20, reactions: int = 20) -> Heat:
    """The top of both margins. A pair that nobody reports has a count of 0, and the IC that this gives."""
    columns = found.columns
    rows, of_row, row_margin = _top(found.drugs, columns["a"] + columns["b"], drugs)
    across, of_column, column_margin = _top(found.reactions, columns["a"] + columns["c"], reactions)
    a = np.zeros((len(rows), len(across)), dtype=np.int64)
    shown = (of_row >= 0) & (of_column >= 0)
    a[of_row[shown], of_column[shown]] = columns["a"][shown]
    product = np.outer(row_margin, column_margin).astype(np.float64)
    ic = shrunk(a, divide(product, np.full(a.shape, found.reports)))
    return Heat(rows, across, a, ic.value, ic.lower)


def _top(ids: NDArray[np.str_], margins: Counts, most: int) -> tuple[list[str], Counts, Counts]:
    """The ids with the greatest margins, the place of each pair's id among them (-1: none), and their margins."""
    distinct, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
    margin = margins[first]
    order = np.argsort(-margin, kind="stable")[:most]
    place = np.full(len(distinct), -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    return distinct[order].tolist(), place[inverse], margin[order]

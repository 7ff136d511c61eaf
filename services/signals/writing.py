"""A table of figures as CSV, Parquet, JSON lines, or the top of it for people."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from rich.table import Table as Grid

from shared.errors import AdrwatchError
from shared.signals.counts import Pairs
from shared.signals.measures import Counts, Floats

# Columns of names and of figures, of one length each.
Names = Mapping[str, Sequence[str]]
Columns = Mapping[str, Counts | Floats]


def write(names: Names, columns: Columns, path: Path, form: str) -> None:
    """Write all rows to `path`, `form` being csv or parquet. Raises AdrwatchError where the file cannot be written."""
    target = str(path).replace("'", "''")
    options = "FORMAT parquet" if form == "parquet" else "FORMAT csv, HEADER"
    table = {name: np.asarray(list(values), dtype=object) for name, values in names.items()} | dict(columns)
    try:
        with duckdb.connect() as connection:
            # DuckDB reads NaN of numpy as NULL: an empty field, not a number.
            connection.register("measures", table)
            connection.execute(f"COPY measures TO '{target}' ({options})")
    except duckdb.Error as error:
        raise AdrwatchError(f"{path} cannot be written: {error}", fix="give a file in a folder that exists") from None


def json_lines(names: Names, columns: Columns) -> Iterator[str]:
    """One object a row; null where a table cannot give a value."""
    values = [column.tolist() for column in columns.values()]
    for row in zip(*names.values(), *values, strict=True):
        given = (None if isinstance(value, float) and math.isnan(value) else value for value in row)
        yield json.dumps(dict(zip((*names, *columns), given, strict=True)), ensure_ascii=False)


def top(names: Names, columns: Columns, shown: Sequence[str], by: str, most: int) -> Grid:
    """The rows with the greatest value of a column. `shown`: the columns that people see beside that."""
    values = columns[by]
    order = np.argsort(-np.where(np.isnan(values), -np.inf, values), kind="stable")[:most]
    grid = Grid(title=f"{len(values):,} rows, the first {len(order)} by {by}", title_justify="left")
    for name in names:
        grid.add_column(name)
    shown = shown if by in shown else (*shown, by)
    for name in shown:
        grid.add_column(name, justify="right")
    for i in order.tolist():
        grid.add_row(*(of[i] for of in names.values()), *(_short(columns[name][i]) for name in shown))
    return grid


def of_pairs(pairs: Pairs) -> dict[str, Sequence[str]]:
    """The names of pairs as columns."""
    return named(pairs.drugs, pairs.drug, pairs.reactions, pairs.reaction)


def named(drugs: Sequence[str], drug: Counts, reactions: Sequence[str], reaction: Counts) -> dict[str, Sequence[str]]:
    """Codes of drugs and reactions as columns of names."""
    return {
        "drug": [drugs[code] for code in drug.tolist()],
        "reaction": [reactions[code] for code in reaction.tolist()],
    }


def _short(value: Any) -> str:
    return "" if value != value else f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3g}"

"""A table of measures as CSV, Parquet, JSON lines, or the top of it for people."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from rich.table import Table as Grid

from shared.errors import AdrwatchError
from shared.signals.table import MeasuredTable

_SHOWN = ("a", "expected", "prr", "ror_lower", "ic025", "eb05", "chi2_yates", "llr_p")


def write(table: MeasuredTable, path: Path, form: str) -> None:
    """Write all pairs to `path`, `form` being csv or parquet. Raises AdrwatchError where the file cannot be written."""
    columns = {"drug": np.asarray(table.pairs.drugs, dtype=object)[table.pairs.drug]}
    columns["reaction"] = np.asarray(table.pairs.reactions, dtype=object)[table.pairs.reaction]
    columns |= table.columns
    target = str(path).replace("'", "''")
    options = "FORMAT parquet" if form == "parquet" else "FORMAT csv, HEADER"
    try:
        with duckdb.connect() as connection:
            # DuckDB reads NaN of numpy as NULL: an empty field, not a number.
            connection.register("measures", columns)
            connection.execute(f"COPY measures TO '{target}' ({options})")
    except duckdb.Error as error:
        raise AdrwatchError(f"{path} cannot be written: {error}", fix="give a file in a folder that exists") from None


def json_lines(table: MeasuredTable) -> Iterator[str]:
    """One object a pair; null where a table cannot give a value."""
    columns = {name: values.tolist() for name, values in table.columns.items()}
    for i, (drug, reaction) in enumerate(zip(table.pairs.drug.tolist(), table.pairs.reaction.tolist(), strict=True)):
        row: dict[str, Any] = {"drug": table.pairs.drugs[drug], "reaction": table.pairs.reactions[reaction]}
        for name, values in columns.items():
            row[name] = None if isinstance(values[i], float) and math.isnan(values[i]) else values[i]
        yield json.dumps(row, ensure_ascii=False)


def top(table: MeasuredTable, by: str, number: int) -> Grid:
    """The pairs with the greatest value of a column."""
    values = table.columns[by]
    order = np.argsort(-np.where(np.isnan(values), -np.inf, values), kind="stable")[:number]
    grid = Grid(title=f"{len(table.pairs):,} pairs, the first {len(order)} by {by}", title_justify="left")
    grid.add_column("drug")
    grid.add_column("reaction")
    shown = _SHOWN if by in _SHOWN else (*_SHOWN, by)
    for name in shown:
        grid.add_column(name, justify="right")
    for i in order.tolist():
        names = (table.pairs.drugs[table.pairs.drug[i]], table.pairs.reactions[table.pairs.reaction[i]])
        grid.add_row(*names, *(_short(table.columns[name][i]) for name in shown))
    return grid


def _short(value: Any) -> str:
    return "" if value != value else f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3g}"

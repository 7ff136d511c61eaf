"""Rows of texts into tables of DuckDB, many at once."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np

# Rows that are handed over together: enough to be quick, few enough to be small.
BATCH = 20_000


def append(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[str, ...]]) -> None:
    """Add rows of texts to a table, in the order of its columns; an empty text is NULL, others become the column's type."""
    if not rows:
        return
    columns = {f"c{at}": np.array(column, dtype=object) for at, column in enumerate(zip(*rows, strict=True))}
    connection.register("appended", columns)
    values = ", ".join(f"nullif({name}, '')" for name in columns)
    connection.execute(f"INSERT INTO {table} SELECT {values} FROM appended")
    connection.unregister("appended")


class Batches:
    """Rows for several tables, handed over whenever there are `BATCH` of one. Call `flush` at the end."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._rows: dict[str, list[tuple[str, ...]]] = {}

    def add(self, table: str, *row: str) -> None:
        """One row."""
        rows = self._rows.setdefault(table, [])
        rows.append(row)
        if len(rows) == BATCH:
            append(self._connection, table, rows)
            rows.clear()

    def flush(self) -> None:
        """Hand over what is left."""
        for table, rows in self._rows.items():
            append(self._connection, table, rows)
        self._rows.clear()

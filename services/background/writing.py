"""What all sources of background do with the store's incoming tables."""

from __future__ import annotations

from collections.abc import Callable

import duckdb

# Tells a person how far an import is.
Say = Callable[[str], None]


def number(connection: duckdb.DuckDBPyConnection, of: str) -> int:
    """How many rows there are of what `of` names, which is part of a query."""
    found = connection.execute(f"SELECT count(*) FROM {of}").fetchone()
    return int(found[0]) if found else 0


def reject(connection: duckdb.DuckDBPyConnection, source: str, file: str, line: int, reason: str) -> None:
    """Keep a line that cannot be read, until `settle` takes it over. The reason never quotes the line."""
    connection.execute("INSERT INTO incoming_rejected VALUES (?, ?, ?, ?)", [source, file, line, reason])

"""Events that were read, in a database of their own, so that each stands once and memory stays bounded however many there are.

DuckDB keeps the rows in memory up to a limit, then in temporary files that it removes. An event that is not wanted leaves its id
here, without content: where it is the latest of its id, an earlier one that was wanted does not stand.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np

from services.subscribe.flat import in_csv, parsed, typed
from services.subscribe.kinds import Kind, TakenBack
from shared.errors import AdrwatchError

_MEMORY = "512MB"
_FETCH = 5_000
_TABLES = """
CREATE TABLE events (id VARCHAR, source VARCHAR, moment BIGINT, written BIGINT, place BIGINT, value VARCHAR);
CREATE TABLE taken (source VARCHAR, written BIGINT, for_good BOOLEAN, told BOOLEAN);
CREATE VIEW latest AS SELECT * FROM events SEMI JOIN
  (SELECT arg_max(place, (written, place)) AS place FROM events GROUP BY id) USING (place);
CREATE VIEW goners AS
  SELECT source, max(written) AS written, bool_or(for_good) AS for_good, bool_or(told) AS told FROM taken GROUP BY source;
CREATE VIEW standing AS SELECT e.* FROM latest e LEFT JOIN goners g USING (source)
  WHERE e.value IS NOT NULL AND (g.source IS NULL OR NOT (g.for_good OR g.written >= e.written));
"""
_CSV = "FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%gZ'"
# A group of rows is made in memory.
_PARQUET = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 16384"


class Row(NamedTuple):
    """An event. `moment` is in ms since 1970; `at` is as in TakenBack; `value` is its JSON, None where it is not wanted."""

    id: str
    source: str
    moment: int
    at: int
    value: str | None


@dataclass(frozen=True)
class Counts:
    """What became of the events: they are as many as all four together."""

    kept: int
    repeated: int
    taken_back: int
    not_wanted: int


class Shelf:
    """Events and what takes them back, in any order. Use as a context manager. Raises AdrwatchError where there is no room."""

    def __init__(self) -> None:
        with ExitStack() as opened, _room():
            folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="adrwatch-"))
            self._database = opened.enter_context(duckdb.connect())
            self._run("SET TimeZone = 'UTC'")
            self._run(f"SET memory_limit = '{_MEMORY}'")
            self._run("SET temp_directory = ?", [folder])
            self._run(_TABLES)
            self._opened = opened.pop_all()
        self._placed = 0

    def __enter__(self) -> Shelf:
        return self

    def __exit__(self, *exception: object) -> None:
        self._opened.close()

    def add(self, rows: Sequence[Row]) -> None:
        """Take in events, those that came first at the head."""
        places = range(self._placed, self._placed + len(rows))
        self._placed += len(rows)
        self._append(
            "events", [(*row[:4], place, row.value) for row, place in zip(rows, places, strict=True)], "ssiiis"
        )

    def take_back(self, gone: Sequence[TakenBack], told: bool) -> None:
        """Take events back. `told`: whoever was given something before has to be told of it."""
        self._append("taken", [(one.source, one.at, one.for_good, told) for one in gone], "sibb")

    def holds(self, ids: Sequence[str]) -> dict[str, str | None]:
        """The JSON of those of the events that stand."""
        return dict(self._run("SELECT id, value FROM standing WHERE id IN (SELECT unnest(?))", [list(ids)]).fetchall())

    def of_source(self, source: str) -> list[str]:
        """The ids of the wanted events that stand and that this would take back."""
        return [
            row[0] for row in self._run("SELECT id FROM standing WHERE source = ? ORDER BY id", [source]).fetchall()
        ]

    def values(self, most: int | None = None) -> Iterator[str]:
        """The JSON of the events that stand, by time; with `most` the latest."""
        rows = self._run(f"SELECT value FROM {_chosen(most)} ORDER BY moment, id")
        while batch := rows.fetchmany(_FETCH):
            yield from (row[0] for row in batch)

    def told(self) -> Iterator[str]:
        """What was taken back and has to be told."""
        for (source,) in self._run("SELECT source FROM goners WHERE told ORDER BY source").fetchall():
            yield source

    def write(self, path: Path, form: str, kind: Kind[Any], most: int | None, telling: bool) -> None:
        """Write the events that stand to a file, by time, `form` being csv or parquet; with `most` the latest.

        `telling` adds a column `taken_back`, and a row for each that has to be told, with nothing else but what it goes by.
        """
        shape = in_csv if form == "csv" else typed
        columns = {name: shape(*place) for name, place in kind.columns.items()} | {kind.goes_by: "source"}
        rows = f"SELECT id, source, moment, value, false AS taken_back FROM {_chosen(most)}"
        if telling:
            columns["taken_back"] = "taken_back"
            rows += " UNION ALL SELECT NULL, source, NULL, NULL, true FROM goners WHERE told"
        chosen = ", ".join(f"{value} AS {name}" for name, value in columns.items())
        # Names of columns hide those of the rows: these are ordered before.
        ordered = f"SELECT * FROM ({rows}) ORDER BY taken_back, moment, id, source"
        query = f"SELECT {chosen} FROM (SELECT {parsed(kind.columns)}, source, taken_back FROM ({ordered}))"
        target = str(path).replace("'", "''")
        self._run(f"COPY ({query}) TO '{target}' ({_CSV if form == 'csv' else _PARQUET})")

    def counts(self) -> Counts:
        """What became of the events that were read."""
        found = self._run(
            "SELECT (SELECT count(*) FROM standing), count(*), count(value), (SELECT count(*) FROM events) FROM latest"
        ).fetchone()
        kept, distinct, wanted, read = found or (0, 0, 0, 0)
        return Counts(kept, read - distinct, wanted - kept, distinct - wanted)

    def _append(self, table: str, rows: Sequence[tuple[Any, ...]], types: str) -> None:
        if not rows:
            return
        kinds = {"s": object, "i": np.int64, "b": np.bool_}
        columns: dict[str, Any] = {
            f"c{n}": np.array(column, dtype=kinds[kind])
            for n, (kind, column) in enumerate(zip(types, zip(*rows, strict=True), strict=True))
        }
        with _room():
            self._database.register("appended", columns)
            self._database.execute(f"INSERT INTO {table} SELECT * FROM appended")
            self._database.unregister("appended")

    def _run(self, query: str, values: Sequence[Any] = ()) -> duckdb.DuckDBPyConnection:
        with _room():
            return self._database.execute(query, values)


def _chosen(most: int | None) -> str:
    return "standing" if most is None else f"(SELECT * FROM standing ORDER BY moment DESC, id DESC LIMIT {int(most)})"


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        # Ctrl-C in the middle of a query, as DuckDB tells it.
        if isinstance(error, duckdb.InterruptException) or "interrupted" in str(error):
            raise KeyboardInterrupt from None
        raise
    except (duckdb.IOException, duckdb.OutOfMemoryException, OSError) as error:
        raise AdrwatchError(
            f"adrwatch cannot write: {str(error).splitlines()[0]}",
            fix="make room there and where temporary files lie, or set TMPDIR to another folder",
        ) from error

"""A database of rows that a command works with and then forgets.

It is SQLite's unnamed one: in memory while it is small, else in a temporary file that no other process can open and that is gone
when this one ends. So memory stays bounded however much is read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from shared.errors import AdrwatchError

_UNSAFE = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"


class Scratch:
    """A base for what keeps its rows in `_database`. Use as a context manager. Raises AdrwatchError where there is no room."""

    def __init__(self, tables: str) -> None:
        # The empty name is SQLite's for such a database; what ends the process ends it, so nothing needs a journal.
        self._database = sqlite3.connect("")
        with room():
            self._database.executescript(_UNSAFE + tables)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()


@contextmanager
def room() -> Iterator[None]:
    """Writing inside of it raises AdrwatchError where there is no room for temporary files."""
    try:
        yield
    except sqlite3.Error as error:
        raise AdrwatchError(
            f"adrwatch cannot write its temporary file: {error}",
            fix="make room where temporary files lie, or set TMPDIR to another folder",
        ) from error

"""The rows of a CSV, TSV or Parquet file, one by one, and those that are none.

A row that is broken takes no other along: where quotes do not close as RFC 4180 wants it, or close lines later than they should,
only the first of these lines is given up, and the following are read anew.
"""

from __future__ import annotations

import csv
import gzip
import lzma
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import duckdb

from shared.errors import AdrwatchError

# A row as texts, or why there is none, with its line (of Parquet: its number).
Read = tuple[int, Sequence[str] | None, str]
_BROKEN = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error)
_ROWS = 10_000


@contextmanager
def rows(path: Path) -> Iterator[tuple[list[str], Iterator[Read]]]:
    """The header of a file and its rows. Raises AdrwatchError for a file that cannot be read, also while it is read."""
    if not path.is_file():
        raise AdrwatchError(f"there is no file {path}", fix="give a CSV, TSV or Parquet file")
    if path.suffix == ".parquet":
        with duckdb.connect() as connection:
            try:
                connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
            except duckdb.Error as error:
                raise AdrwatchError(f"{path} is no Parquet file: {error}", fix="give CSV, TSV or Parquet") from None
            yield [column[0] for column in connection.description or ()], _fetched(connection)
        return
    with opened(path) as stream:
        lines = _Lines(stream)
        first = next(lines, "").removeprefix("\ufeff")
        delimiter = "\t" if first.count("\t") > first.count(",") else ","
        try:
            header = next(csv.reader([first], delimiter=delimiter), [])
        except csv.Error as error:
            raise AdrwatchError(f"{path} has no header: {error}", fix="give CSV, TSV or Parquet") from None
        yield [name.strip() for name in header], _split(lines, delimiter, len(header))


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file, unpacked where it is .gz or .xz. Raises AdrwatchError where it cannot be read, also while it is read."""
    opener: Any = {".xz": lzma.open, ".gz": gzip.open}.get(path.suffix, open)
    try:
        with opener(path, "rb") as stream:
            yield stream
    except _BROKEN as error:
        raise AdrwatchError(f"{path} cannot be unpacked: {error}", fix="fetch or pack the file again") from None
    except OSError as error:
        raise AdrwatchError(
            f"{path} cannot be read: {error.strerror or error}", fix="see whether it is there"
        ) from None


class _Lines:
    """Lines as texts, of which the latest can be given back. `number` is that of the latest."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._back: deque[str] = deque()
        self._taken: list[str] = []
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else self._stream.readline().decode("utf-8", "surrogateescape")
        if not line:
            raise StopIteration
        self.number += 1
        self._taken.append(line)
        return line

    def begin(self) -> None:
        """A row begins with the next line."""
        self._taken.clear()

    def give_back(self) -> int:
        """Give back all lines of the row but its first, whose number is the result."""
        following = self._taken[1:]
        self._back.extendleft(reversed(following))
        self.number -= len(following)
        return self.number


def _split(lines: _Lines, delimiter: str, width: int) -> Iterator[Read]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin()
        first = lines.number + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield lines.give_back(), None, "has quotes or line ends that are not as RFC 4180 wants them"
            continue
        if not row:
            continue
        if len(row) != width:
            yield lines.give_back(), None, f"has too {'few' if len(row) < width else 'many'} fields"
        elif any(not field.isascii() and not _whole(field) for field in row):
            yield first, None, "is no UTF-8"
        else:
            yield first, row, ""


def _whole(field: str) -> bool:
    try:
        field.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fetched(connection: duckdb.DuckDBPyConnection) -> Iterator[Read]:
    line = 0
    while found := connection.fetchmany(_ROWS):
        for row in found:
            line += 1
            yield line, ["" if value is None else str(value) for value in row], ""

"""Reads the ids of a file of posts with the standard library alone, so that ingest's own readers cannot hide a loss."""

from __future__ import annotations

import csv
import gzip
import io
import json
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any

import zstandard

from shared.errors import AdrwatchError
from shared.text import header

# The usual names of the id column, the first that a file has; the same as those of `adrwatch ingest replay`.
ID_COLUMNS = ("id_str", "id", "tweet_id", "post_id", "status_id", "message_id")
_LONGEST_FIELD = 1 << 24


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a file, on its lines `first` to `last` (from 1). `post_id` is None where no id can be read.

    `earlier` are the ids that earlier author secrets would have given to it.
    """

    file: str
    first: int
    last: int
    post_id: str | None
    earlier: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The post's id, or the place of the record where it has none."""
        return self.post_id or f"{self.file}#{self.first}"


@dataclass(frozen=True)
class Reading:
    """How ids are found: the column of the id, the source's name, or the column that holds it.

    `hashed` makes the ids of sources whose posts were published under hashes, by the source's name: the current one first.
    """

    id_column: str | None = None
    source_name: str = "replay"
    source_column: str | None = None
    hashed: Mapping[str, Callable[[str], Sequence[str]]] = field(default_factory=dict)


def read_rows(path: Path, reading: Reading, warn: Callable[[str], None]) -> Iterator[Row]:
    """Every record of a JSONL, CSV or TSV file, plain or compressed (gzip, xz, Zstandard); blank lines are none.

    An archive that ends in the middle is read up to there and `warn` is told. Raises AdrwatchError if the file cannot be
    read or has no such column.
    """
    first = next(_lines(path, warn), (0, b""))[1].lstrip()
    if not first:
        raise AdrwatchError(f"{path} is empty or cannot be unpacked", fix="give a file with posts")
    if first.startswith(b"{"):
        return _json_rows(path, reading, warn)
    return _table_rows(path, reading, "\t" if b"\t" in first else ",", warn)


def _lines(path: Path, warn: Callable[[str], None]) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(_unpacked(file), 1):
                yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zstandard.ZstdError) as error:
        warn(f"{path.name} is not a whole archive ({error}); what could be unpacked is counted")
    except OSError as error:
        raise AdrwatchError(f"{path} cannot be read: {error.strerror}", fix="check the path") from None


def _unpacked(file: BufferedReader) -> Iterator[bytes]:
    start = file.peek(8)
    if start.startswith(b"\x1f\x8b"):
        return iter(gzip.GzipFile(fileobj=file))
    if start.startswith(b"\xfd7zXZ"):
        return iter(lzma.LZMAFile(file))
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        frames = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        return iter(io.BufferedReader(frames))
    return iter(file)


def _json_rows(path: Path, reading: Reading, warn: Callable[[str], None]) -> Iterator[Row]:
    id_column = reading.id_column
    for number, line in _lines(path, warn):
        if not line.strip():
            continue
        try:
            record: Any = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            yield Row(path.name, number, number, None)
            continue
        id_column = id_column or next((name for name in ID_COLUMNS if name in record), None)
        source = _field(record, reading.source_column) if reading.source_column else ""
        yield _row(path, number, number, _field(record, id_column or ""), source, reading)


def _field(record: dict[str, Any], name: str) -> str:
    value: Any = record
    for part in [name] if name in record else name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _row(path: Path, first: int, last: int, native: str, source: str, reading: Reading) -> Row:
    source = source.lower() or reading.source_name
    if not native:
        return Row(path.name, first, last, None)
    names = reading.hashed[source](native) if source in reading.hashed else (native,)
    post_id, *earlier = (f"{source}:{name}" for name in names)
    return Row(path.name, first, last, post_id, tuple(earlier))


def _table_rows(path: Path, reading: Reading, delimiter: str, warn: Callable[[str], None]) -> Iterator[Row]:
    literal, quoted = (_Table(path, delimiter, quoting, warn) for quoting in (csv.QUOTE_NONE, csv.QUOTE_MINIMAL))
    # Texts that begin with a quote swallow their neighbours when quotes are obeyed, and quoted line breaks tear records
    # apart when they are not: of the two readings, the one with fewer misshapen records is right.
    misfits = literal.misfits(), quoted.misfits()
    table = literal if misfits[0] < misfits[1] or (misfits[0] == misfits[1] and delimiter == "\t") else quoted
    names = [name.strip().strip('"') for name in table.header]
    id_at = _place(path, names, reading.id_column, ID_COLUMNS, "id")
    source_at = _place(path, names, reading.source_column, (), "source") if reading.source_column else None
    for first, last, fields in table.records():
        fits = len(fields) == len(names)
        native = fields[id_at].strip() if fits else ""
        yield _row(path, first, last, native, fields[source_at].strip() if fits and source_at else "", reading)


def _place(path: Path, names: Sequence[str], wanted: str | None, usual: Sequence[str], role: str) -> int:
    lower = [name.lower() for name in names]
    found = wanted if wanted in names else next((name for name in usual if not wanted and name in lower), None)
    if found is None:
        raise AdrwatchError(
            f"{path.name} has no column {wanted!r}" if wanted else f"no column of {path.name} looks like the {role}",
            fix=f"--{role} NAME; {header.columns(names)}",
        )
    return names.index(found) if wanted else lower.index(found)


class _Table:
    """One way to read a table: with quotes or without."""

    def __init__(self, path: Path, delimiter: str, quoting: int, warn: Callable[[str], None]) -> None:
        self._path = path
        self._form: dict[str, Any] = {"delimiter": delimiter, "quoting": quoting}
        self._warn = warn
        self.header: list[str] = next(self._reader(lambda _text: None), [])

    def _reader(self, warn: Callable[[str], None]) -> Any:
        csv.field_size_limit(_LONGEST_FIELD)
        # A carriage return inside a text is no line end here, and the reader would stop at it.
        text = (
            line.decode(errors="replace").rstrip("\r\n").replace("\r", " ") + "\n"
            for _, line in _lines(self._path, warn)
        )
        return csv.reader(text, **self._form)

    def misfits(self) -> int:
        """How many records have another number of fields than the header."""
        try:
            return sum(len(fields) != len(self.header) for _, _, fields in self._records(lambda _text: None))
        except csv.Error:
            # A stray quote has swallowed more than a field can hold.
            return sys.maxsize

    def records(self) -> Iterator[tuple[int, int, list[str]]]:
        """First line, last line and fields of every record but the header."""
        return self._records(self._warn)

    def _records(self, warn: Callable[[str], None]) -> Iterator[tuple[int, int, list[str]]]:
        reader = self._reader(warn)
        next(reader, None)
        last = reader.line_num
        for fields in reader:
            first, last = last + 1, reader.line_num
            if any(field.strip() for field in fields):
                yield first, last, fields

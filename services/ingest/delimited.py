"""Records of CSV and TSV files, so that a stray quote never swallows the records after it.

Tweets begin with quotes, and many writers of TSV do not escape them; others follow RFC 4180 and break texts over lines. Both
are read: a quoted field is followed over lines only until a line stands by itself as a whole record; if the
quote does not close as the RFC wants it, it is taken as a letter of the text.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from services.ingest.files import Line
from services.ingest.source import SourceBroken

_MOST_LINES = 200
_MOST_BYTES = 1 << 19


class Quotes(Enum):
    """Why a record cannot be split: a quote is `OPEN` at its end, or letters follow a closing quote (`BAD`)."""

    OPEN = "open"
    BAD = "bad"


@dataclass(frozen=True)
class Dialect:
    """`delimiter` is one character. `unwrap_all`: quotes around a field are never part of the text (CSV)."""

    delimiter: str
    unwrap_all: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One record: its first line, its bytes, and its fields or the reason why there are none."""

    line: int
    data: bytes
    fields: list[str]
    flaw: str = ""
    detail: str = ""


def split(text: str, dialect: Dialect) -> list[str] | Quotes:
    """The fields of a record after RFC 4180, or what is wrong with its quotes."""
    if '"' not in text:
        return text.split(dialect.delimiter)
    fields, at, end = [], 0, len(text)
    while True:
        if at < end and text[at] == '"':
            close = _closing_quote(text, at + 1)
            if close < 0:
                return Quotes.OPEN
            if close + 1 < end and text[close + 1] != dialect.delimiter:
                return Quotes.BAD
            fields.append(_unwrap(text[at : close + 1], dialect))
            at = close + 1
        else:
            stop = text.find(dialect.delimiter, at)
            stop = end if stop < 0 else stop
            fields.append(text[at:stop])
            at = stop
        if at >= end:
            return fields
        at += 1


def join(fields: list[str], dialect: Dialect) -> str:
    """The fields as one record that `split` reads back as the same fields."""
    special = ('"', "\n", "\r", dialect.delimiter)
    return dialect.delimiter.join(
        '"' + field.replace('"', '""') + '"' if any(letter in field for letter in special) else field
        for field in fields
    )


def _closing_quote(text: str, at: int) -> int:
    while True:
        at = text.find('"', at)
        if at < 0 or text[at + 1 : at + 2] != '"':
            return at
        at += 2


def _unwrap(field: str, dialect: Dialect) -> str:
    inner = field[1:-1]
    # In a TSV that does not escape, quotes around a field that needs none were typed by the author.
    needed = '"' in inner or dialect.delimiter in inner or "\n" in inner or "\r" in inner
    return inner.replace('""', '"') if needed or dialect.unwrap_all else field


def rows(lines: Iterator[Line], dialect: Dialect, width: int, whole: Callable[[list[str]], bool]) -> Iterator[Row]:
    """The records of the lines that follow the header of `width` columns.

    `whole` says whether fields make a record by themselves (their number, an id, a time). Blank lines are left out.
    """
    reader = _LookAhead(lines)
    while (line := reader.next()) is not None:
        if not line.data.strip():
            continue
        text, flaw = _decode(line)
        if flaw:
            yield Row(line.number, line.data, [], flaw)
            continue
        fields = split(text, dialect)
        data = line.data
        if fields is Quotes.OPEN:
            joined = _follow(text, reader, dialect, width, whole)
            if joined is not None:
                more, fields = joined
                data = b"\n".join([data, *(next_line.data for next_line in more)])
        if isinstance(fields, Quotes) or len(fields) != width:
            fields = text.split(dialect.delimiter)
        if len(fields) != width:
            detail = f"{len(fields)} fields where the header has {width}"
            yield Row(line.number, data, fields, "field-count", detail)
        else:
            yield Row(line.number, data, fields)
    if reader.trouble is not None:
        raise reader.trouble


class _LookAhead:
    """Lines of which some were looked at and come again. A broken source ends them; `trouble` is then for later."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._waiting: deque[Line] = deque()
        self.trouble: SourceBroken | None = None

    def next(self) -> Line | None:
        if self._waiting:
            return self._waiting.popleft()
        try:
            return next(self._lines, None)
        except SourceBroken as trouble:
            self.trouble = trouble
            return None

    def give_back(self, lines: list[Line]) -> None:
        self._waiting.extendleft(reversed(lines))


def _follow(
    text: str, reader: _LookAhead, dialect: Dialect, width: int, whole: Callable[[list[str]], bool]
) -> tuple[list[Line], list[str]] | None:
    """The lines that belong to a record whose quote is open, and its fields; None (nothing taken) if it never closes well."""
    taken: list[Line] = []
    first, size = text, len(text)
    while len(taken) < _MOST_LINES and size < _MOST_BYTES and (line := reader.next()) is not None:
        taken.append(line)
        following, flaw = _decode(line)
        if flaw or _stands_alone(following, dialect, width, whole):
            break
        size += len(following)
        text = f"{text}\n{following}"
        if '"' not in following:
            continue
        fields = split(text, dialect)
        if fields is Quotes.OPEN:
            continue
        if isinstance(fields, Quotes) or len(fields) != width:
            break
        alone = first.split(dialect.delimiter)
        if len(alone) == width and whole(alone) and not whole(fields):
            # A record by itself that holds a quote; with what follows it would be none.
            break
        return taken, fields
    reader.give_back(taken)
    return None


def _stands_alone(text: str, dialect: Dialect, width: int, whole: Callable[[list[str]], bool]) -> bool:
    literal = text.split(dialect.delimiter)
    if len(literal) == width and whole(literal):
        return True
    fields = split(text, dialect)
    return not isinstance(fields, Quotes) and len(fields) == width and whole(fields)


def _decode(line: Line) -> tuple[str, str]:
    if line.flaw:
        return "", line.flaw
    if b"\0" in line.data:
        return "", "nul-byte"
    try:
        return line.data.decode(), ""
    except UnicodeDecodeError:
        return "", "not-utf8"

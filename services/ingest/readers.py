"""From the lines of a JSONL, CSV or TSV file to raw posts and rejects."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from typing import Any, Protocol

import msgspec

from services.ingest.columns import Columns, choose
from services.ingest.delimited import Dialect, Quotes, Row, rows, split
from services.ingest.files import COMPRESSED_SUFFIXES, STDIN, LineFile
from services.ingest.recipe import Recipe
from services.ingest.source import Origin, RawPost, Reject
from services.ingest.times import parse_time
from services.ingest.veil import pseudonym, veil_fields, veil_line, veil_object
from shared.errors import AdrwatchError

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv", ".tab": "tsv"}
SOURCE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_LANGUAGE = re.compile(r"[a-zA-Z]{2,3}([-_][a-zA-Z0-9]{2,8})*")
_ROUNDED = re.compile(r"\d([.,]\d+)?[eE]\+?\d+")
_LONGEST_ID = 500
# RFC 5646, section 4.4.1: so long is the longest that is of use.
_LONGEST_LANGUAGE = 35
_OBJECTS_LOOKED_AT = 100

# (source, author) to the author's hash.
AuthorHash = Callable[[str, str], str]


class Reader(Protocol):
    """Reads one file. Its columns are known, and checked, once it exists."""

    file: LineFile

    def __iter__(self) -> Iterator[RawPost | Reject]: ...


def format_of(path: str, wanted: str | None) -> str:
    """The format that was asked for, else the one that the file's suffix names. Raises AdrwatchError if neither does."""
    if wanted is not None:
        return wanted
    name = PurePath(path)
    suffix = PurePath(name.stem).suffix if name.suffix in COMPRESSED_SUFFIXES else name.suffix
    if suffix.lower() not in FORMATS:
        what = "standard input" if path == STDIN else f"the name of {path}"
        raise AdrwatchError(f"{what} does not tell the format", fix="say --format jsonl, csv or tsv")
    return FORMATS[suffix.lower()]


def open_reader(path: str, form: str, wanted: Columns, source: str, author_hash: AuthorHash) -> Reader:
    """The reader of a file. Raises AdrwatchError if the file is no text or lacks a column that is needed."""
    file = LineFile(path)
    if form == "jsonl":
        return JsonReader(file, wanted, source, author_hash)
    return TableReader(file, form, wanted, source, author_hash)


class TableReader:
    """Reads CSV or TSV with a header line."""

    def __init__(self, file: LineFile, form: str, wanted: Columns, source: str, author_hash: AuthorHash) -> None:
        self.file = file
        delimiter = "," if form == "csv" else "\t"
        first = file.beginning()[0].decode(errors="replace")
        header = split(first, Dialect(delimiter, True))
        if isinstance(header, Quotes):
            header = first.split(delimiter)
        self.header = [name.strip() for name in header]
        self.columns = choose(self.header, wanted, file.name)
        self._dialect = Dialect(delimiter, unwrap_all=form == "csv" or first.startswith('"'))
        self._places = {role: self.header.index(name) for role, name in self.columns.named().items()}
        self._source = source
        self._only = None if "source" in self._places else source
        self._hash = author_hash
        recipe = Recipe(format=form, source=source, columns=self.columns.named(), header=first)
        self._recipe = recipe.encode()

    def __iter__(self) -> Iterator[RawPost | Reject]:
        lines = self.file.lines()
        next(lines, None)
        for row in rows(lines, self._dialect, len(self.header), self._whole):
            yield self._item(row)

    def _whole(self, fields: list[str]) -> bool:
        try:
            parse_time(fields[self._places["time"]])
        except ValueError:
            return False
        return id_flaw(fields[self._places["id"]]) is None

    def _item(self, row: Row) -> RawPost | Reject:
        origin = Origin(self.file.name, row.line, self._recipe)
        if row.flaw and not row.fields:
            hashed = pseudonym(functools.partial(self._hash, self._source))
            return Reject(row.flaw, FLAWS[row.flaw], origin, veil_line(row.data, hashed), source=self._only)
        values = {role: row.fields[at] for role, at in self._places.items() if at < len(row.fields)}
        hashed = pseudonym(functools.partial(self._hash, _source_of(values, self._source)))
        veiled = functools.partial(veil_fields, row.fields, self.header, self.columns, self._dialect, hashed)
        if row.flaw:
            return Reject(row.flaw, row.detail, origin, veiled(), source=self._only)
        return build(values, self._source, origin, veiled)


class JsonReader:
    """Reads one JSON object a line. A column name with dots goes down into objects (`user.id`)."""

    def __init__(self, file: LineFile, wanted: Columns, source: str, author_hash: AuthorHash) -> None:
        self.file = file
        self.columns = choose(_keys(file.beginning(), wanted, file.name), wanted, file.name)
        self._names = self.columns.named()
        self._source = source
        self._only = None if "source" in self._names else source
        self._hash = author_hash
        self._recipe = Recipe(format="jsonl", source=source, columns=self._names).encode()

    def __iter__(self) -> Iterator[RawPost | Reject]:
        for line in self.file.lines():
            if line.data.strip():
                yield self._item(line.data, Origin(self.file.name, line.number, self._recipe), line.flaw)

    def _item(self, data: bytes, origin: Origin, flaw: str) -> RawPost | Reject:
        detail = ""
        record: Any = None
        if not flaw and b"\0" in data:
            flaw = "nul-byte"
        if not flaw:
            record, flaw, detail = parse_object(data)
        if flaw:
            hashed = pseudonym(functools.partial(self._hash, self._source))
            return Reject(flaw, detail or FLAWS[flaw], origin, veil_line(data, hashed), source=self._only)
        values = {role: _look_up(record, name) for role, name in self._names.items()}
        hashed = pseudonym(functools.partial(self._hash, _source_of(values, self._source)))
        return build(values, self._source, origin, functools.partial(veil_object, values, self.columns, hashed))


FLAWS = {
    "line-too-long": "longer than a megabyte",
    "cut-off": "the archive ends inside this line",
    "nul-byte": "holds NUL bytes",
    "not-utf8": "not UTF-8",
    "not-an-object": "JSON, but not an object",
}


def build(values: Mapping[str, Any], source: str, origin: Origin, veiled: Callable[[], bytes]) -> RawPost | Reject:
    """A raw post from the values of its roles, or the reason why it is none. Rejects: no-id, bad-id, no-time, bad-time,
    no-text, bad-source.
    """

    def refuse(reason: str, detail: str, post_id: str | None = None) -> Reject:
        return Reject(reason, detail, origin, veiled(), post_id, source=source if named else None)

    source = _source_of(values, source)
    named = SOURCE_NAME.fullmatch(source)
    native = plain(values["id"])
    if not native:
        return refuse("no-id", "the id is missing")
    if detail := id_flaw(native):
        return refuse("bad-id", detail)
    if not named:
        return refuse("bad-source", "the source is not a short name of letters, digits, - and _")
    post_id = f"{source}:{native}"
    moment = values["time"]
    if moment is None or moment == "":
        return refuse("no-time", "the time is missing", post_id)
    if isinstance(moment, bool) or not isinstance(moment, str | int | float):
        return refuse("bad-time", "the time is no text and no number", post_id)
    try:
        created_at = parse_time(moment)
    except ValueError as error:
        return refuse("bad-time", f"the time is {error}", post_id)
    if not isinstance(values["text"], str):
        return refuse("no-text", "the text is missing", post_id)
    language = plain(values.get("language"))
    return RawPost(
        source=source,
        native_id=native,
        text=values["text"],
        created_at=created_at,
        origin=origin,
        veiled=veiled,
        author=plain(values.get("author")) or None,
        language=language.lower() if _is_language(language) else None,
    )


def _source_of(values: Mapping[str, Any], default: str) -> str:
    return plain(values.get("source")).lower() or default


def plain(value: object) -> str:
    """A text or a whole number as text without blanks around it; anything else names nothing."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _is_language(word: str) -> bool:
    return len(word) <= _LONGEST_LANGUAGE and _LANGUAGE.fullmatch(word) is not None and word != "und"


def id_flaw(native: str) -> str | None:
    """Why this can be no post's id at its source; None if it can."""
    if _ROUNDED.fullmatch(native):
        return "the id was rounded by a spreadsheet"
    if not native or len(native) > _LONGEST_ID or not native.isprintable() or len(native.split()) > 1:
        return f"the id is empty, longer than {_LONGEST_ID} characters, or holds blanks or control characters"
    return None


def parse_object(data: bytes) -> tuple[Any, str, str]:
    """The object of a line, or None with flaw and detail."""
    try:
        record = msgspec.json.decode(data)
    except RecursionError:
        return None, "bad-json", "nested too deeply"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # which of them bad UTF-8 raises is up to the version
        return (None, "bad-json", str(error)) if _is_utf8(data) else (None, "not-utf8", "")
    return (record, "", "") if isinstance(record, dict) else (None, "not-an-object", "")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _look_up(record: Mapping[str, Any], name: str) -> Any:
    if name in record:
        return record[name]
    value: Any = record
    for part in name.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def _keys(beginning: list[bytes], wanted: Columns, name: str) -> list[str]:
    """The keys of the first objects, one level of nested ones included, and what of `wanted` they have deeper."""
    keys: dict[str, None] = {}
    for data in beginning[:_OBJECTS_LOOKED_AT]:
        record, flaw, _ = parse_object(data)
        if flaw:
            continue
        for key, value in record.items():
            nested = [f"{key}.{inner}" for inner in value] if isinstance(value, dict) else [key]
            keys.update(dict.fromkeys(nested))
        keys.update({key: None for key in wanted.named().values() if _look_up(record, key) is not None})
    if not keys:
        raise AdrwatchError(
            f"no JSON object stands in the first lines of {name}", fix="say --format csv or tsv if it is a table"
        )
    return list(keys)

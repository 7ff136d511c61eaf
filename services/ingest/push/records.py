"""From the body of a request to items, by records: pure functions.

A record is a JSON object: one a line, or one of an array. Of a post: `id`, `text`, `created_at`, and where they are known `author`
and `language`. Of a deletion: `id`, or `author` for everything of theirs. What else it holds is passed over.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import msgspec

from services.ingest.columns import Columns
from services.ingest.files import MAX_LINE
from services.ingest.networks.keys import Names
from services.ingest.networks.network import AuthorGone, Item, Passed, PostGone
from services.ingest.readers import FLAWS, build, id_flaw, parse_object, plain
from services.ingest.recipe import Recipe
from services.ingest.source import Origin, Reject
from services.ingest.veil import veil_object

_COLUMNS = Columns(id="id", text="text", time="created_at", author="author", language="language")
# A signature does not cover the address: whoever saw a request for posts must not make a deletion of it.
_OF_POSTS = ("text", "created_at")


class BadBodyError(Exception):
    """A body that is no list of records; the text says why, in words for its sender."""


def split(body: bytes, lines: bool) -> list[bytes]:
    """The records of a body, each as it is written; `lines` says that each has a line. Raises BadBodyError."""
    if lines:
        return [line for line in body.split(b"\n") if line.strip()]
    try:
        return [bytes(one) for one in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadBodyError(f"The body is no JSON array: {error}.") from None


def post_of(data: bytes, index: int, names: Names, languages: tuple[str, ...]) -> Item:
    """The post of a record, or that it is to be taken back, where it is here and states another language now.

    Rejects: those of a line of a file (`readers.py`).
    """
    origin = Origin(names.source, index)
    if len(data) > MAX_LINE:
        return _left_out("line-too-long", FLAWS["line-too-long"], origin, data)
    record, flaw, detail = parse_object(data)
    if flaw:
        return _left_out(flaw, detail or FLAWS[flaw], origin, data)
    values = {role: record.get(name) for role, name in _COLUMNS.named().items()}
    native = plain(values["id"])
    flawless = bool(native) and id_flaw(native) is None
    # A refused record keeps the id that its post would have here, or none.
    kept = values | {"id": names.post(native) if flawless else None}
    if flawless:
        values = kept
        recipe = Recipe(format="jsonl", source=names.source, columns=_COLUMNS.named()).encode()
        origin = Origin(names.source, index, recipe)
    item = build(values, names.source, origin, functools.partial(veil_object, kept, _COLUMNS, names.person))
    if not isinstance(item, Reject) and languages and item.language and _main(item.language) not in languages:
        return PostGone(item.post_id, edited=True) if names.known(item.post_id) else Passed("language")
    return item


def deletion_of(data: bytes, index: int, names: Names) -> Item:
    """What a record takes back: a post, or an author. Rejects: those of JSON, not-a-deletion, no-id, bad-id, no-authors."""
    record, flaw, detail = parse_object(data)
    origin = Origin(names.source, index)
    if flaw:
        return _left_out(flaw, detail or FLAWS[flaw], origin, data)
    if written := [key for key in _OF_POSTS if key in record]:
        return _left_out("not-a-deletion", f"a deletion has no {written[0]}: this is a post", origin, data)
    native, author = _named(record, "id"), _named(record, "author")
    if bool(native) == bool(author):
        return _left_out("no-id", "either an id or an author is needed", origin, data)
    if author:
        if not names.keeps_identifiers:
            return _left_out("no-authors", "the source keeps no authors: name each post", origin, data)
        return AuthorGone(author)
    if problem := id_flaw(native):
        return _left_out("bad-id", problem, origin, data)
    return PostGone(f"{names.source}:{names.post(native)}")


def unreadable(error: Exception, index: int, names: Names, data: bytes) -> Reject:
    """The reject of a record that nobody foresaw."""
    return _left_out("unreadable", type(error).__name__, Origin(names.source, index), data)


def _left_out(reason: str, detail: str, origin: Origin, data: bytes) -> Reject:
    # Nothing is known of what names people in it, and its sender has it.
    return Reject(reason, detail, origin, f"left out: {len(data)} bytes".encode())


def _named(record: Mapping[str, Any], key: str) -> str:
    return plain(record.get(key))


def _main(language: str) -> str:
    return language.replace("_", "-").partition("-")[0]

"""Pages by cursor, which names the last thing of a page: what comes and goes meanwhile neither repeats nor hides others."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

import msgspec
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from shared.not_json import NOT_JSON

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
T = TypeVar("T")
Out = TypeVar("Out", bound=BaseModel)


class Page(BaseModel, Generic[Out]):
    """A part of a list."""

    items: list[Out]
    next: str | None = Field(description="the cursor of the next page; null on the last one")


def page_of(
    things: Sequence[T], key: Callable[[T], tuple[Any, ...]], cursor: str | None, limit: int
) -> tuple[Sequence[T], str | None]:
    """The things behind the cursor, and the next cursor. `things` are in descending order of their keys, which are distinct.

    Keys are of numbers and words only: what JSON writes as words, such as a time, would sort by these behind a cursor.
    Raises HTTPException for a cursor that is none.
    """
    after = None if cursor is None else _decoded(cursor)
    try:
        found = [one for one in things if after is None or _plain(key(one)) < after]
    except (TypeError, RecursionError):
        raise _none() from None
    shown = found[:limit]
    return shown, cursor_of(key(shown[-1])) if len(found) > limit else None


def key_of(cursor: str, kind: type[T]) -> T:
    """The key that a cursor names, of a kind of tuple. Raises HTTPException for a cursor of another list."""
    try:
        return msgspec.convert(_decoded(cursor), kind)
    except msgspec.ValidationError:
        raise _none() from None


def first_of(cursor: str) -> Any:
    """What stands first in the key of a cursor: lists of a time that goes on keep its end there. Raises HTTPException."""
    found = _decoded(cursor)
    if not found:
        raise _none()
    return found[0]


def micros(at: datetime) -> int:
    """Microseconds since 1970: for the keys of cursors, since times written as words do not sort as times do."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def _plain(key: tuple[Any, ...]) -> list[Any]:
    return list(msgspec.to_builtins(key))


def cursor_of(key: tuple[Any, ...]) -> str:
    """The cursor behind the thing of a key."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def _decoded(cursor: str) -> list[Any]:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=list[Any])
    except (ValueError, *NOT_JSON):
        raise _none() from None


def _none() -> HTTPException:
    return HTTPException(404, "the cursor is none of this list: begin without one")

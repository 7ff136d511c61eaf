"""Lists by cursor: each thing once, in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from services.dashboard.api import alerts
from services.dashboard.api.cursors import page_of

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
# One of a whole second, and others within it.
TIMES = [AT + timedelta(milliseconds=ms) for ms in (1500, 1000, 999, 500, 1, 0, -1)]


def signal(since: datetime | None, name: str) -> Any:
    return SimpleNamespace(since=since, alert=SimpleNamespace(id=name))


def case(at: datetime, name: str) -> Any:
    return SimpleNamespace(opened_at=at, id=name)


@pytest.mark.parametrize(("make", "key"), [(signal, alerts._key), (case, alerts._case_key)])
def test_pages_of_one_hold_all_in_order_of_time(make: Any, key: Any) -> None:
    things = [make(at, name) for at in TIMES for name in ("b", "a")]
    if make is signal:
        things.append(make(None, "never"))
    assert sorted(things, key=key, reverse=True) == things
    seen: list[Any] = []
    cursor: str | None = None
    while True:
        shown, cursor = page_of(things, key, cursor, 1)
        seen += shown
        if cursor is None:
            break
    assert seen == things


def test_a_cursor_of_times_as_words_is_none_of_the_list() -> None:
    things = [case(at, "a") for at in TIMES]
    _, old = page_of(things, lambda one: (one.opened_at, one.id), None, 1)
    with pytest.raises(HTTPException):
        page_of(things, alerts._case_key, old, 1)

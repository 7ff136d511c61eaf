"""What can be taken back, by whom, and once."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from services.dashboard.undo import Deeds
from shared.cases.model import Case
from shared.errors import AdrwatchError
from shared.events import Concept

CASE = Case(
    id="a",
    opened_at=datetime(2026, 3, 1, tzinfo=UTC),
    opened_by="me",
    drug=Concept("1", "x"),
    reaction=Concept("2", "y"),
)


def test_a_deed_is_taken_back_once_by_who_did_it() -> None:
    deeds = Deeds()
    token = deeds.note("me", "something", [(CASE, CASE)])
    assert token is not None
    with pytest.raises(AdrwatchError, match="no longer"):
        deeds.take(token, "you")
    assert deeds.take(token, "me").what == "something"
    with pytest.raises(AdrwatchError, match="no longer"):
        deeds.take(token, "me")


def test_after_some_minutes_it_is_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    deeds, now = Deeds(), time.monotonic()
    token = deeds.note("me", "something", [(CASE, CASE)])
    monkeypatch.setattr(time, "monotonic", lambda: now + 601)
    with pytest.raises(AdrwatchError, match="no longer"):
        deeds.take(str(token), "me")


def test_what_changed_nothing_leaves_nothing_to_take_back() -> None:
    assert Deeds().note("me", "something", []) is None

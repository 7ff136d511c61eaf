"""Decisions by the API: all of one, or nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import BackgroundTasks

from services.dashboard.access.rights import Person, Role, rights_of
from services.dashboard.api import alerts
from services.dashboard.taking_up import Hand
from shared.cases.model import Case, State
from shared.errors import AdrwatchError
from shared.events import Concept

CASE = Case(
    id="a",
    opened_at=datetime(2026, 3, 1, tzinfo=UTC),
    opened_by="me",
    drug=Concept("1", "x"),
    reaction=Concept("2", "y"),
)
WHO = Person("me", frozenset({Role.assessor}), rights_of([Role.assessor]), "session")


class Book:
    """One case, and what was written."""

    def __init__(self) -> None:
        self.case = CASE

    def change(self, _: str, action: str, reason: str, how: Any) -> Case:
        self.case = how(self.case)
        return self.case


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch) -> Book:
    made = Book()
    monkeypatch.setattr(Hand, "take_up", lambda *_: (made, "a"))
    monkeypatch.setattr(alerts, "_workable", lambda *_: None)
    return made


def decide(**given: Any) -> None:
    desk: Any = SimpleNamespace(book=lambda *_: None)
    alerts.decide(desk, WHO, BackgroundTasks(), "a", alerts.Decision(**given))


def test_nobody_is_assigned_where_the_state_may_not_be(book: Book) -> None:
    wrong: State = "confirmed"
    with pytest.raises(AdrwatchError, match="cannot become"):
        decide(state=wrong, assignee="desk two", reason="grave")
    assert book.case == CASE


def test_a_reason_of_blanks_is_none(book: Book) -> None:
    with pytest.raises(AdrwatchError, match="no reason"):
        decide(assignee="desk two", reason="  ")
    assert book.case == CASE

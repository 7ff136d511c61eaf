"""What can be taken back, by whom, and once."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from services.dashboard.access.rights import Person, Role, rights_of
from services.dashboard.pages import triage
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


def test_what_nobody_can_take_back_any_more_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    deeds, now = Deeds(), time.monotonic()
    for _ in range(3):
        deeds.note("me", "something", [(CASE, CASE)])
    monkeypatch.setattr(time, "monotonic", lambda: now + 601)
    token = deeds.note("you", "something else", [(CASE, CASE)])
    assert list(deeds._kept) == [token]
    monkeypatch.setattr(time, "monotonic", lambda: now + 1300)
    with pytest.raises(AdrwatchError, match="no longer"):
        deeds.take("another", "me")
    assert not deeds._kept


def test_one_that_cannot_be_undone_keeps_no_other_from_it_and_can_be_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stuck, undone = {"b"}, []

    class Hand:
        def __init__(self, *_: Any) -> None:
            pass

        def undo(self, changed: Any, _: str) -> None:
            if changed[0].id in stuck:
                raise AdrwatchError("case b was changed since", fix="look at it")
            undone.append(changed[0].id)

    monkeypatch.setattr(triage, "Hand", Hand)
    who = Person("me", frozenset({Role.assessor}), rights_of([Role.assessor]), "session")
    desk: Any = SimpleNamespace(deeds=Deeds())
    cases = [replace(CASE, id=name) for name in "abc"]
    token = desk.deeds.note("me", "3 alerts assigned", [(one, one) for one in cases])
    said = json.loads(triage.undo(desk, who, token).headers["HX-Trigger"])["adrwatch:said"]
    assert undone == ["a", "c"]
    assert said["wrong"]
    assert "2 of 3" in said["text"]
    assert "case b was changed since" in said["text"]
    stuck.clear()
    said = json.loads(triage.undo(desk, who, said["undo"]).headers["HX-Trigger"])["adrwatch:said"]
    assert (undone, said["wrong"], said["undo"]) == (["a", "c", "b"], False, None)

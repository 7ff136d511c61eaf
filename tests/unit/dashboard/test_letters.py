"""Dead letters: one looked at, and some sent back, without the others, and with what came of it in the trail."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Self

import pytest

from services.dashboard.access.rights import Person, Role, rights_of
from services.dashboard.operations import tail
from services.dashboard.operations.letters import Letters
from services.dashboard.pages import operations
from services.ingest import inbox
from services.ingest.inbox import held, line_of
from shared.broker import Stored
from shared.errors import AdrwatchError, DependencyAway
from shared.events import DeadLetter, encode, now
from shared.settings import current

WHO = Person("me", frozenset({Role.operator}), rights_of([Role.operator]), "session")


def stored(name: str, offset: int) -> Stored:
    letter = DeadLetter(
        id=name, reason="schema", detail="", stage="screen", topic="x.posts", partition=1, offset=4,
        occurred_at=now(), payload=name.encode(), key=b"forum:4",
    )  # fmt: skip
    return Stored(0, offset, name.encode(), encode(letter), ())


class Reader:
    """A topic of three letters, of which one is done."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def to_end(self) -> Iterator[Stored]:
        yield from (stored(name, place) for place, name in enumerate("abc"))
        yield Stored(0, 3, b"c", None, ())


def test_one_letter_is_read_without_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[bytes | None] = []

    def noting(record: Stored) -> Any:
        opened.append(record.key)
        return held(record)

    monkeypatch.setattr(inbox, "TopicReader", Reader)
    monkeypatch.setattr(tail, "TopicReader", Reader)
    monkeypatch.setattr(inbox, "held", noting)
    there = Letters(current())
    assert there.one("b").letter.payload == b"b"
    assert opened == [b"b"]
    for name in ("c", "never"):
        with pytest.raises(AdrwatchError, match="done already"):
            there.one(name)
    with pytest.raises(AdrwatchError, match="none of these"):
        there.send_back(["c", "never"])


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    monkeypatch.setattr(operations, "recorded", lambda _trail, _database, _who, *row: found.append(row))
    return found


def desk(send_back: Any) -> Any:
    lines = [line_of(held(stored(name, 0))) for name in "ab"]
    inbox_ = SimpleNamespace(lines=lambda: lines, send_back=send_back)
    return SimpleNamespace(
        operations=SimpleNamespace(letters=inbox_), trail=None, database=None, needs_kafka=lambda: None
    )


def test_the_trail_names_what_is_there_and_that_a_replay_failed(rows: list[tuple[str, str, str]]) -> None:
    asked: list[list[str]] = []

    def away(ids: list[str]) -> None:
        asked.append(ids)
        raise DependencyAway("Kafka does not answer", fix="start it")

    request: Any = None
    with pytest.raises(DependencyAway):
        operations.replay(request, desk(away), WHO, "mended", ["b", "made up"])
    assert asked == [["b"]]
    assert rows == [
        ("replay", "dead-letter:b", "mended (b)"),
        ("replay failed", "dead-letter:b", "Kafka does not answer"),
    ]


def test_what_is_not_there_leaves_no_row(rows: list[tuple[str, str, str]]) -> None:
    request: Any = None
    with pytest.raises(AdrwatchError, match="none of these"):
        operations.replay(request, desk(pytest.fail), WHO, "mended", ["made up"])
    assert not rows

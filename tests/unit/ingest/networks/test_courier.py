"""What a source last forgot of its texts stands in its position and in the metrics, and outlives the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pytest

from services.ingest.letters import Letters
from services.ingest.networks import courier
from services.ingest.networks.courier import Courier
from services.ingest.networks.known import Known
from services.ingest.networks.parcel import Parcel
from services.ingest.networks.taken_back import TakenBack
from shared import metrics
from shared.events import Position, Published, TextsForgotten, decode, now
from shared.settings import load
from shared.stream import Output
from shared.topics import POSITIONS, POSTS, Topic

HOUR_MS = 3_600_000


class Taken:
    """A writer whose broker is a list."""

    def __init__(self, *_: Any) -> None:
        self.outputs: list[Output] = []

    def write(self, outputs: Iterable[Output]) -> None:
        self.outputs += outputs

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Known:
    """Three posts: of three hours ago, two hours ago and now. Texts older than an hour are to go."""
    monkeypatch.setattr(courier, "Writer", Taken)
    for index in (Letters, TakenBack):
        monkeypatch.setattr(index, "catch_up", lambda _: None)
    found, at = Known("s"), int(time.time() * 1000)
    for number, hours in enumerate((3, 2, 0)):
        found.add([Published(id=f"s:{number}")], at - hours * HOUR_MS)

    return found


def made(known: Known, text_days: float | None) -> Courier:
    return Courier("s", load(), known, threading.Event(), text_days, None)


def position_of(one: Courier) -> Position:
    """The position that it writes with a parcel."""
    one.deliver(Parcel([], [], Position(source="s", cursor="7", reached=None, written_at=now(), state="running")))
    written: Any = one._writer
    return decode([output.value for output in written.outputs if output.topic is POSITIONS][-1], Position)


def tombstones_of(one: Courier) -> set[tuple[Topic, str]]:
    """Where it has written that something is forgotten."""
    written: Any = one._writer
    return {(output.topic, output.key) for output in written.outputs if output.value is None}


def test_what_was_forgotten_and_what_is_left_is_said_and_counted(known: Known) -> None:
    before = metrics.TEXTS_FORGOTTEN.labels("s")._value.get()
    one = made(known, 1 / 24)
    assert position_of(one).forgotten is None
    one.tidy()
    assert tombstones_of(one) == {(POSTS, "s:0"), (POSTS, "s:1")}
    said = position_of(one).forgotten
    assert said is not None
    assert said.texts == 2
    assert said.oldest == known.oldest_text()
    assert isinstance(said.oldest, datetime)
    assert abs(said.oldest.timestamp() - time.time()) < HOUR_MS / 1000
    assert metrics.TEXTS_FORGOTTEN.labels("s")._value.get() == before + 2
    assert metrics.TEXTS_LOOKED_AT.labels("s")._value.get() == said.at.timestamp()
    assert metrics.OLDEST_TEXT.labels("s")._value.get() == said.oldest.timestamp()
    # Another process goes on with what the position says, until it looks itself.
    other = made(known, 1 / 24)
    other.forgotten = said
    assert position_of(other).forgotten == said


def test_where_texts_go_with_their_topic_nothing_is_said_any_more(known: Known) -> None:
    one = made(known, None)
    one.forgotten = TextsForgotten(now(), 2)
    one.tidy()
    assert position_of(one).forgotten is None
    assert known.oldest_text() is not None

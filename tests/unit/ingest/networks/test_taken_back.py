"""A dead letter that is written after its post was taken back is forgotten all the same."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

import pytest

from services.ingest import letters
from services.ingest.networks import courier, taken_back
from services.ingest.networks.courier import Courier
from services.ingest.networks.known import Known
from services.ingest.networks.taken_back import TakenBack
from shared.broker import Stored
from shared.events import AskedBy, DeadLetter, Deletion, Published, encode, now
from shared.settings import load
from shared.stream import Output
from shared.topics import DAY_MS, DEAD_LETTERS, DELETIONS, POSTS, Topic


class Broker:
    """Topics that are lists, and a writer to them."""

    def __init__(self) -> None:
        self.topics: dict[Topic, list[Stored]] = {DEAD_LETTERS: [], DELETIONS: []}
        self.read = 0

    def put(self, topic: Topic, key: str, value: bytes | None, written_ms: int | None = None) -> None:
        at = int(now().timestamp() * 1000) if written_ms is None else written_ms
        self.topics[topic].append(Stored(0, len(self.topics[topic]), key.encode(), value, (), at))

    def delete(self, post: str, asked_by: AskedBy = "network", written_ms: int | None = None) -> None:
        self.put(DELETIONS, post, encode(Deletion(id=post, deleted_at=now(), asked_by=asked_by)), written_ms)

    def refuse(self, post: str) -> None:
        name = f"letter of {post}"
        letter = DeadLetter(
            id=name, reason="schema", detail="", stage="screen", topic="adr.posts", partition=0, offset=0,
            occurred_at=now(), payload=b"text", key=post.encode(),
        )  # fmt: skip
        self.put(DEAD_LETTERS, name, encode(letter))

    @property
    def held(self) -> set[str]:
        """The dead letters that are not done."""
        lying = {(record.key or b"").decode(): record.value for record in self.topics[DEAD_LETTERS]}
        return {name for name, value in lying.items() if value is not None}


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()

    class Reader:
        def __init__(self, _: Any, topic: Topic, start: int = 0, since: Mapping[int, int] | None = None) -> None:
            after = since[0] if since else 0
            self.records = [one for one in made.topics[topic][start:] if one.written_ms >= after]

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def to_end(self) -> Iterator[Stored]:
            while self.records:
                made.read += 1
                yield self.records.pop(0)

    class Writer:
        def __init__(self, *_: Any) -> None: ...

        def write(self, outputs: Iterable[Output]) -> None:
            for output in outputs:
                made.put(output.topic, output.key, output.value)

    for module in (letters, taken_back):
        monkeypatch.setattr(module, "TopicReader", Reader)
    monkeypatch.setattr(courier, "Writer", Writer)
    return made


def tidy(known: Known) -> None:
    Courier("s", load(), known, threading.Event(), None, None).tidy()


def test_a_letter_that_comes_after_the_deletion_of_its_post_is_forgotten(broker: Broker) -> None:
    for post in ("s:gone", "other:gone"):
        broker.delete(post)
    for post in ("s:gone", "s:there", "other:gone"):
        broker.refuse(post)
    tidy(Known("s"))
    assert broker.held == {"letter of s:there", "letter of other:gone"}


def test_the_letter_of_a_post_that_has_come_again_stays_unless_a_person_had_the_post_forgotten(broker: Broker) -> None:
    known = Known("s")
    broker.delete("s:again", "network")
    broker.delete("s:hand", "hand")
    for post in ("s:again", "s:hand"):
        known.add([Published(id=post)], 0)
        broker.refuse(post)
    tidy(known)
    assert broker.held == {"letter of s:again"}


def test_deletions_are_read_once_and_those_that_no_pipeline_can_be_behind_of_never(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, none = TakenBack(load(), "s"), Known("s")
    posts = {f"s:{number}" for number in range(4)}
    broker.delete("s:0", written_ms=int(now().timestamp() * 1000) - POSTS.retention_ms - 2 * DAY_MS)
    broker.delete("s:1")
    found.catch_up()
    broker.delete("s:2")
    broker.put(DELETIONS, "s:3", b"no deletion")
    for _ in range(2):
        found.catch_up()
    assert (broker.read, found.out_of(posts, none)) == (3, ["s:1", "s:2"])
    monkeypatch.setattr(taken_back, "_MOST", 1)
    found.catch_up()
    assert found.out_of(posts, none) == ["s:2"]

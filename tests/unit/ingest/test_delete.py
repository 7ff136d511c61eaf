"""The order in which a post is taken back: what a repeat needs to find it goes last, and only then it is said to be done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from services.ingest import letters as module
from services.ingest.delete import take_back
from services.ingest.letters import Letters
from shared.broker import Stored
from shared.errors import DependencyAway
from shared.events import DeadLetter, Deletion, Forgotten, decode, derived_id, encode, now
from shared.settings import load
from shared.stream import Output
from shared.topics import DEAD_LETTERS, DELETION_HEADER, DELETIONS, FORGOTTEN, POSTS, PUBLISHED, partition_of

ASKED = now() - timedelta(seconds=5)


class Broker:
    """A topic of dead letters that is a list, and what is written; `away` counts the calls that fail."""

    def __init__(self) -> None:
        self.topic: list[Stored] = []
        self.opened: list[int] = []
        self.read = 0
        self.written: list[Output] = []
        self.away: set[int] = set()
        self.calls = 0

    def bury(
        self,
        name: str,
        post: str | None,
        value: bytes | None = b"",
        written_ms: int | None = None,
        payload: bytes = b"",
        topic: str = "adr.posts",
    ) -> None:
        letter = DeadLetter(
            id=name, reason="schema", detail="", stage="screen", topic=topic, partition=0, offset=0,
            occurred_at=now(), payload=payload, key=None if post is None else post.encode(),
        )  # fmt: skip
        at = int(now().timestamp() * 1000) if written_ms is None else written_ms
        lying = encode(letter) if value == b"" else value
        self.topic.append(Stored(0, len(self.topic), name.encode(), lying, (), at))

    def write(self, outputs: Iterable[Output]) -> None:
        self.calls += 1
        if self.calls in self.away:
            raise DependencyAway("no acknowledgement")
        self.written += outputs


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()

    class Reader:
        def __init__(self, settings: Any, topic: Any, start: int) -> None:
            assert topic is DEAD_LETTERS
            self.at = start
            made.opened.append(start)

        def to_end(self) -> Iterator[Stored]:
            if made.calls in made.away:
                raise DependencyAway("silent")
            for record in made.topic[self.at :]:
                self.at += 1
                made.read += 1
                yield record

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(module, "TopicReader", Reader)
    return made


def letters(source: str | None = None) -> Letters:
    made = Letters(load(), source)
    made.catch_up()
    return made


def gone(*ids: str) -> list[Deletion]:
    return [Deletion(id=one, deleted_at=ASKED, requested_at=ASKED, asked_by="network") for one in ids]


def test_deletions_come_first_and_the_note_of_a_published_post_last_but_for_the_receipt(broker: Broker) -> None:
    broker.bury("letter", "own:1")
    done = take_back(gone("own:1", "own:2"), letters(), broker.write, ["own:x"])
    assert (done.deletions, done.post_tombstones, done.dead_letter_tombstones) == (2, 2, 1)
    places = [(output.topic, output.key) for output in broker.written]
    assert places == [
        (DELETIONS, "own:1"), (DELETIONS, "own:2"),
        (POSTS, "own:1"), (POSTS, "own:2"), (DEAD_LETTERS, "letter"),
        (PUBLISHED, "own:1"), (PUBLISHED, "own:2"), (PUBLISHED, "own:x"),
        (FORGOTTEN, derived_id("own:1")), (FORGOTTEN, derived_id("own:2")),
    ]  # fmt: skip
    assert all(output.value is None for output in broker.written[2:8])
    deletion = decode(broker.written[0].value, Deletion)
    assert (deletion.requested_at, deletion.asked_by) == (ASKED, "network")
    assert deletion.deleted_at > ASKED
    tombstone = broker.written[2]
    assert tombstone.partition == partition_of("own:1", POSTS.partitions)
    assert decode(dict(tombstone.headers)[DELETION_HEADER], Deletion) == deletion
    receipt = decode(broker.written[-1].value, Forgotten)
    assert (receipt.store, receipt.requested_at, receipt.asked_by) == ("topics", ASKED, "network")
    assert receipt.forgotten_at > ASKED


def test_a_deletion_that_waited_on_disk_since_an_earlier_adrwatch_has_one_time_everywhere(broker: Broker) -> None:
    take_back([Deletion(id="own:1", deleted_at=ASKED)], letters(), broker.write)
    deletion, receipt = decode(broker.written[0].value, Deletion), decode(broker.written[-1].value, Forgotten)
    assert (deletion.requested_at, receipt.requested_at) == (ASKED, ASKED)


@pytest.mark.parametrize(("failing", "left"), [(1, set()), (2, {DELETIONS}), (3, {DELETIONS, POSTS})])
def test_what_was_not_acknowledged_is_followed_by_nothing(broker: Broker, failing: int, left: set[Any]) -> None:
    broker.away = {failing}
    with pytest.raises(DependencyAway):
        take_back(gone("own:1"), letters(), broker.write)
    assert {output.topic for output in broker.written} == left


def test_dead_letters_are_read_once_and_then_on(broker: Broker) -> None:
    broker.bury("a", "own:1")
    index = letters()
    broker.bury("b", "own:1")
    broker.bury("a", None, value=None)
    broker.bury("c", None)
    broker.bury("d", "own:2", value=b"no letter")
    for _ in range(3):
        index.catch_up()
    assert (broker.read, broker.opened) == (5, [0])
    assert [one.key for one in index.tombstones(["own:1", "own:2"])] == ["b"]


def test_after_the_broker_was_away_dead_letters_are_read_on_from_there(broker: Broker) -> None:
    broker.bury("a", "own:1")
    index = letters()
    broker.away = {0}
    with pytest.raises(DependencyAway):
        index.catch_up()
    broker.away = set()
    broker.bury("b", "own:1")
    index.catch_up()
    assert (broker.read, broker.opened) == (2, [0, 1])
    assert [one.key for one in index.tombstones(["own:1"])] == ["a", "b"]


def test_a_source_remembers_its_own_letters_and_none_that_the_topic_has_let_go(broker: Broker) -> None:
    broker.bury("old", "own:1", written_ms=0)
    broker.bury("a", "own:1")
    broker.bury("b", "other:1")
    index = letters("own")
    assert [one.key for one in index.tombstones(["own:1", "other:1"])] == ["a"]


def test_letters_whose_texts_are_too_old_are_those_of_the_source_that_were_given_a_text(broker: Broker) -> None:
    broker.bury("of its post", "own:1", payload=b"zoloft")
    broker.bury("of its reading", None, payload=b"zoloft", topic="own")
    broker.bury("of nothing kept", "own:1")
    broker.bury("of another post", "other:1", payload=b"zoloft")
    broker.bury("of another reading", None, payload=b"zoloft", topic="other")
    broker.bury("done", "own:1", payload=b"zoloft")
    broker.bury("done", None, value=None)
    index = letters("own")
    after = int(now().timestamp() * 1000) + 1
    assert [one.key for one in index.with_text_from_before(after)] == ["of its post", "of its reading"]
    assert index.with_text_from_before(after - 60_000) == []
    assert "zoloft" not in repr(vars(index)), "no text lies in memory"
    broker.bury("of its post", "own:1", value=None)
    index.catch_up()
    assert [one.key for one in index.with_text_from_before(after)] == ["of its reading"]

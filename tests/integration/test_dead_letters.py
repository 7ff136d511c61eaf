"""Dead letters on a real Kafka: back to their topic once, or to a file and in again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from shared.events import DeadLetter, Post, decode, encode, now
from shared.topics import POSTS, partition_of
from tests.integration.ingest_command import Adrwatch, adrwatch, post, write

__all__ = ["adrwatch"]


@pytest.fixture
def producer(kafka: str) -> Iterator[Any]:
    made = KafkaProducer(bootstrap_servers=kafka)
    yield made
    made.close()


def bury(producer: Any, prefix: str, number: int, *, reason: str = "schema", attempts: int = 0) -> DeadLetter:
    """A dead letter as a stage of the pipeline leaves it."""
    letter = DeadLetter(
        id=f"{prefix}.posts:1:{number}:screen",
        reason=reason,
        detail="not a Post",
        stage="screen",
        topic=f"{prefix}.posts",
        partition=1,
        offset=number,
        occurred_at=now(),
        payload=b'{"number":%d}' % number,
        key=b"forum:%d" % number,
    )
    headers = [("adrwatch-attempt", str(attempts).encode())] if attempts else []
    producer.send(f"{prefix}.dead-letters", value=encode(letter), key=letter.id.encode(), headers=headers).get(30)
    return letter


def test_replay_sends_the_original_back_and_marks_it_done_once(adrwatch: Adrwatch, producer: Any) -> None:
    first = bury(producer, adrwatch.prefix, 1)
    bury(producer, adrwatch.prefix, 2, reason="other", attempts=1)
    assert adrwatch("dead-letters", "replay", first.id) == 0
    assert adrwatch("dead-letters", "replay", first.id) == 2
    assert "done already" in adrwatch.err
    account = adrwatch.json("dead-letters", "replay", "--reason", "other")
    assert account == {"chosen": 1, "replayed": 1, "done": 1, "skipped": {}, "failed": {}}
    back = adrwatch.records("posts")
    assert [(record.partition, record.key, record.value) for record in back] == [
        (1, b"forum:1", b'{"number":1}'),
        (1, b"forum:2", b'{"number":2}'),
    ]
    assert [dict(record.headers)["adrwatch-attempt"] for record in back] == [b"1", b"2"]
    assert adrwatch.json("dead-letters", "list") == []
    assert adrwatch.json("dead-letters", "replay", "--all")["chosen"] == 0
    assert len(adrwatch.records("posts")) == 2


def test_what_people_wrote_is_shown_by_show_only(adrwatch: Adrwatch, producer: Any) -> None:
    letter = bury(producer, adrwatch.prefix, 5)
    [listed] = adrwatch.json("dead-letters", "list", "--stage", "screen")
    assert (listed["id"], listed["reason"], listed["bytes"]) == (letter.id, "schema", len(letter.payload))
    assert "number" not in adrwatch.out
    adrwatch("dead-letters", "list")
    assert letter.id in adrwatch.out
    assert "number" not in adrwatch.out
    assert adrwatch("dead-letters", "show", letter.id) == 0
    assert '{"number":5}' in adrwatch.out
    assert "do not copy" in adrwatch.err


def test_refused_lines_are_exported_mended_and_replayed_under_their_own_ids(adrwatch: Adrwatch) -> None:
    path = write("posts.jsonl", post(1), post(2, created_at="never"), post(3, created_at="never"))
    adrwatch("ingest", "replay", path, "--source-name", "forum")
    assert adrwatch.json("dead-letters", "replay", "--all")["skipped"] == {"export": 2}
    exported = adrwatch.json("dead-letters", "export", "out", "--done")
    [file] = exported["files"]
    assert (file["lines"], exported["left_out"], exported["done"]) == (2, 0, 2)
    mended = Path(file["path"])
    mended.write_text(mended.read_text().replace("never", "2026-03-01"))
    assert adrwatch(*shlex.split(file["replay"])[1:]) == 0
    posts = [decode(record.value, Post) for record in adrwatch.records("posts")]
    assert sorted(post.id for post in posts) == ["forum:1", "forum:2", "forum:3"]
    assert len({post.author for post in posts}) == 1
    assert adrwatch.json("dead-letters", "list") == []


def test_garbage_among_the_dead_letters_hides_none_of_them(adrwatch: Adrwatch, producer: Any) -> None:
    producer.send(f"{adrwatch.prefix}.dead-letters", value=b"no JSON", key=b"garbage").get(30)
    letter = bury(producer, adrwatch.prefix, 8)
    assert [listed["id"] for listed in adrwatch.json("dead-letters", "list")] == [letter.id]
    assert "1 records of the topic are no dead letters" in adrwatch.err


def test_a_dead_letter_of_a_deleted_post_is_forgotten(adrwatch: Adrwatch, producer: Any) -> None:
    bury(producer, adrwatch.prefix, 8)
    kept = bury(producer, adrwatch.prefix, 9)
    assert adrwatch("ingest", "delete", "forum:8") == 0
    assert [listed["id"] for listed in adrwatch.json("dead-letters", "list")] == [kept.id]
    assert json.loads(adrwatch.out)[0]["key"] == "forum:9"
    assert adrwatch.records("posts")[0].partition == partition_of("forum:8", POSTS.partitions)

"""The checker of the suite of faults finds what is lost, doubled or wrong; one that finds nothing would prove nothing."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from tests.faults.suite import checker
from tests.faults.suite.__main__ import of_round
from tests.faults.suite.checker import Findings
from tests.faults.suite.expected import Expected
from tests.faults.suite.topics import Message

HOUR = 3_600_000
AT = "2024-01-01T05:30:00+00:00"
BUCKET = 1_704_085_200_000 // HOUR


def outcome(post: str, status: str = "mentions:1", version: str = "1") -> dict[str, Any]:
    pair = {"drug": {"id": "d", "label": "D"}, "reaction": {"id": "r", "label": "R"}}
    return {"post_id": post, "status": status, "created_at": AT, "model_version": version, "pairs": [pair]}


def stored(*contents: dict[str, Any]) -> list[Message]:
    return [Message(one["post_id"], json.dumps(one).encode(), 0, place) for place, one in enumerate(contents)]


SENT = {"a": {}, "b": {}}
WANTED = Expected({"a": outcome("a"), "b": outcome("b")}, {}, {})


@pytest.mark.parametrize(
    ("topic", "lost", "doubled", "wrong"),
    [
        (stored(outcome("a"), outcome("b")), set(), set(), ""),
        (stored(outcome("a"), outcome("b"), outcome("a", version="2")), set(), set(), ""),
        (stored(outcome("a")), {"b"}, set(), "1 missing: b"),
        (stored(outcome("a"), outcome("b"), outcome("b", "negative")), set(), {"b"}, "have two: b"),
        (stored(outcome("a"), outcome("b", "negative")), set(), set(), "1 of another content: b"),
        (stored(outcome("a"), outcome("b"), outcome("c")), set(), set(), "1 nobody wants: c"),
    ],
    ids=["all is right", "repeated by another version", "lost", "two outcomes", "a wrong one", "one of nobody's post"],
)
def test_outcomes(topic: list[Message], lost: set[str], doubled: set[str], wrong: str) -> None:
    found = Findings()
    checker._outcomes(found, topic, WANTED, SENT)
    assert (found.lost, found.doubled) == (lost, doubled)
    assert wrong in " ".join(found.wrong)
    assert bool(found.wrong) == bool(wrong)


def test_a_post_that_was_taken_back_before_it_was_written_is_none_that_is_missing() -> None:
    def post(name: str, text: str | None) -> Message:
        return Message(name, None if text is None else json.dumps({"text": text}).encode(), 0, 0)

    sent = {name: {"text": "t"} for name in ("a", "waiting", "lost", "unsaid")}
    topic = [post("a", "t"), post("a", None), post("waiting", None)]
    found = Findings()
    assert checker._posts(found, topic, sent, {"a", "waiting", "unsaid"}) == {"waiting"}
    assert found.wrong == [
        "posts: 2 missing: lost, unsaid",
        "posts: 1 were taken back and have no tombstone",
    ]


class Redis:
    """Rows by bucket, and how far the four partitions are evaluated."""

    def __init__(self, rows: dict[int, dict[str, Any]]) -> None:
        self.rows = rows

    def scan_iter(self, match: str, count: int) -> list[bytes]:
        return [f"adr:rows:{{b:{bucket}}}".encode() for bucket in self.rows]

    def hgetall(self, key: bytes) -> dict[bytes, bytes]:
        rows = self.rows[int(key.decode().rpartition(":")[2].rstrip("}"))]
        return {post.encode(): msgspec.msgpack.encode(row) for post, row in rows.items()}

    def hvals(self, key: str) -> list[bytes]:
        return [str((BUCKET + 1) * HOUR).encode()] * 4


def row(*pairs: tuple[str, str]) -> list[Any]:
    return [BUCKET * HOUR, None, None, list(pairs)]


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ({BUCKET: {"a": row(("d", "r")), "b": row(("d", "r"))}}, ""),
        ({BUCKET: {"a": row(("d", "r"))}}, "rows in Redis: 1 missing: b"),
        ({BUCKET: {"a": row(("d", "r")), "b": row(("d", "r")), "c": row(("d", "r"))}}, "nobody wants: c"),
        ({BUCKET: {"a": row(("d", "r")), "b": row(("d", "q"))}}, "counts in Redis"),
        ({BUCKET: {"a": row(("d", "r")), "b": row(("d", "r"))}, BUCKET + 1: {"b": row(("d", "r"))}}, "in two buckets"),
    ],
    ids=["all is right", "one is missing", "one too many", "another reaction", "twice"],
)
def test_counts(rows: dict[int, dict[str, Any]], wrong: str) -> None:
    found = Findings()
    world: Any = SimpleNamespace(settings=SimpleNamespace(redis_prefix="adr"), redis=Redis(rows))
    checker._redis(found, world, WANTED)
    assert wrong in " ".join(found.wrong)
    assert bool(found.wrong) == bool(wrong)


def letter(key: str, stage: str, payload: bytes) -> Message:
    content = {"stage": stage, "reason": "schema", "payload": base64.b64encode(payload).decode()}
    return Message(key, json.dumps(content).encode(), 0, 0)


@pytest.mark.parametrize(
    ("letters", "wrong"),
    [
        ([letter("1", "pipeline", b"foreign"), letter("2", "ingest", b"")], False),
        ([letter("1", "pipeline", b"foreign"), letter("1", "pipeline", b"foreign"), letter("2", "ingest", b"")], False),
        ([letter("2", "ingest", b"")], True),
        ([letter("1", "pipeline", b"a post"), letter("2", "ingest", b"")], True),
        ([letter("1", "pipeline", b"foreign"), letter("2", "ingest", b""), letter("3", "windows", b"")], True),
    ],
    ids=["all is right", "written again under its key", "one is missing", "a post", "of another stage"],
)
def test_dead_letters(letters: list[Message], wrong: bool) -> None:
    found = Findings()
    world: Any = SimpleNamespace(poison=[b"foreign"], sender=SimpleNamespace(refused=1))
    checker._dead_letters(found, letters, world)
    assert bool(found.wrong) == wrong


def test_notices_that_are_told_twice_or_never() -> None:
    def request(identity: str, alert: str) -> Any:
        notice = {"id": identity, "alert_id": alert, "alert": {"id": alert}}
        return SimpleNamespace(taken=True, headers={"idempotency-key": identity}, json={"notices": [notice]})

    found = Findings()
    requests = [request("1", "x"), request("1", "x"), request("2", "y"), request("3", "y")]
    world: Any = SimpleNamespace(receiver=SimpleNamespace(requests=requests))
    checker._told(found, world, {"x": {}, "y": {}, "z": {}})
    assert found.wrong == ["alerts told: 1 missing: z", "notices: 1 were told twice: y"]


def test_clocks_that_jump_have_rounds_of_their_own_unless_nothing_else_is_chosen() -> None:
    kinds = ["pipeline-killed", "push-clock", "redis-full"]
    rounds = [of_round(kinds, number) for number in range(16)]
    assert [number for number, of in enumerate(rounds) if of == ["push-clock"]] == [7, 15]
    assert all(of == ["pipeline-killed", "redis-full"] for number, of in enumerate(rounds) if number % 8 != 7)
    assert of_round(["push-clock"], 0) == ["push-clock"]

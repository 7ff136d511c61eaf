"""Replay of files into a real Kafka, counted by a consumer of its own."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from shared.events import DeadLetter, Deletion, Post, decode
from shared.topics import POSTS, partition_of
from tests.faults import ledger
from tests.integration.ingest_command import Adrwatch, adrwatch, post, write

__all__ = ["adrwatch"]


def test_every_line_is_in_kafka_as_a_post_or_as_a_dead_letter(adrwatch: Adrwatch) -> None:
    broken: list[dict[str, Any] | bytes] = [
        b"{broken @jane_doe",
        post(90, text=""),
        post(91, created_at="never"),
        b"\xff\xfe",
        post(92, text="a" * 100_000),
    ]
    path = write("posts.jsonl", *map(post, range(40)), *broken, *map(post, range(40, 80)), post(5))
    account = adrwatch.json("ingest", "replay", path, "--source-name", "forum")

    assert (account["read"], account["delivered"], account["balanced"]) == (86, 81, True)
    assert account["rejected"] == {"bad-json": 1, "bad-time": 1, "empty-text": 1, "not-utf8": 1, "too-long": 1}
    records = adrwatch.records("posts")
    assert len(records) == 81
    assert {record.key.decode() for record in records} == {f"forum:{number}" for number in range(80)}
    for record in records:
        found = decode(record.value, Post)
        assert record.partition == partition_of(found.id, POSTS.partitions)
        assert abs(record.timestamp / 1000 - time.time()) < 600
        assert found.text.startswith("@USER day")
    assert len({decode(record.value, Post).author for record in records}) == 1
    letters = [decode(record.value, DeadLetter) for record in adrwatch.records("dead-letters")]
    assert sorted((letter.offset, letter.reason) for letter in letters) == [
        (41, "bad-json"), (42, "empty-text"), (43, "bad-time"), (44, "not-utf8"), (45, "too-long"),
    ]  # fmt: skip
    assert {(letter.topic, letter.partition, letter.stage) for letter in letters} == {("posts.jsonl", -1, "ingest")}
    for letter in letters:
        assert b"jane_doe" not in letter.payload
        assert f"posts.jsonl:{letter.offset}: {letter.reason}" in adrwatch.err
    assert "dizzy" not in adrwatch.err


def test_a_replay_that_went_well_prints_its_account_and_ends_with_zero(adrwatch: Adrwatch) -> None:
    assert adrwatch("ingest", "replay", write("posts.jsonl", *map(post, range(3)))) == 0
    assert "delivered" in adrwatch.out
    assert "read" in adrwatch.out


def test_a_truncated_archive_is_an_error_after_its_good_part_is_delivered(adrwatch: Adrwatch) -> None:
    lines = b"".join(json.dumps(post(number, text=f"{number * 7919**4:x}")).encode() + b"\n" for number in range(3000))
    Path("posts.jsonl.gz").write_bytes(gzip.compress(lines)[:-5000])
    assert adrwatch("ingest", "replay", "posts.jsonl.gz", "--json") == 2
    account = json.loads(adrwatch.out)
    assert account["balanced"]
    assert 0 < account["delivered"] < 3000
    assert len(adrwatch.records("posts")) == account["delivered"]
    assert "posts.jsonl.gz ends in the middle" in adrwatch.err


def test_nothing_is_published_when_a_later_file_cannot_be_read(adrwatch: Adrwatch) -> None:
    good = write("good.jsonl", post(1))
    Path("bad.csv").write_bytes(bytes(range(256)) * 9)
    assert adrwatch("ingest", "replay", good, "bad.csv") == 2
    assert "bad.csv is not text" in adrwatch.err
    assert adrwatch.records("posts") == []


def test_disorder_is_warned_of_and_sorted_away(adrwatch: Adrwatch) -> None:
    path = write(
        "posts.jsonl", *(post(number, created_at=f"2026-03-01T{23 - number:02}:00:00Z") for number in range(20))
    )
    assert adrwatch("ingest", "replay", path) == 0
    assert "19 of 20 posts are older than the one before" in adrwatch.err
    assert adrwatch("ingest", "replay", path, "--sort", "--limit", "4", "--source-name", "sorted") == 0
    assert "older" not in adrwatch.err
    keys = {record.key.decode() for record in adrwatch.records("posts")}
    assert {key for key in keys if key.startswith("sorted")} == {f"sorted:{number}" for number in (19, 18, 17, 16)}


def test_a_deletion_reaches_consumers_and_leaves_tombstones(adrwatch: Adrwatch) -> None:
    adrwatch(
        "ingest",
        "replay",
        write("posts.jsonl", post(1), post(2), post(3, created_at="never")),
        "--source-name",
        "forum",
    )
    account = adrwatch.json("ingest", "delete", "forum:1", "forum:3")
    assert account == {"asked": 2, "deletions": 2, "post_tombstones": 2, "dead_letter_tombstones": 1}
    assert [decode(record.value, Deletion).id for record in adrwatch.records("deletions")] == ["forum:1", "forum:3"]
    tombstones = [record for record in adrwatch.records("posts") if record.value is None]
    assert {record.key for record in tombstones} == {b"forum:1", b"forum:3"}
    assert all(record.partition == partition_of(record.key.decode(), POSTS.partitions) for record in tombstones)
    assert adrwatch.json("dead-letters", "list") == []


@pytest.fixture
def busy_cleaner(kafka: str) -> Iterator[None]:
    """The broker looks for something to compact again after half a second, not after fifteen."""
    rest = {"log.cleaner.backoff.ms": "500"}
    with closing(KafkaAdminClient(bootstrap_servers=kafka)) as admin:
        brokers = [str(broker["broker_id"]) for broker in admin.describe_cluster()["brokers"]]
        admin.alter_configs([ConfigResource(ConfigResourceType.BROKER, broker, rest) for broker in brokers])
        yield
        admin.reset_configs([ConfigResource(ConfigResourceType.BROKER, broker, list(rest)) for broker in brokers])


@pytest.mark.usefixtures("busy_cleaner")
def test_the_broker_forgets_the_text_of_a_deleted_post(adrwatch: Adrwatch, kafka: str) -> None:
    name = POSTS.name(adrwatch.prefix)
    # As declared, but that nobody waits for an hour.
    soon = ConfigResource(ConfigResourceType.TOPIC, name, POSTS.config() | {"max.compaction.lag.ms": "1"})
    with closing(KafkaAdminClient(bootstrap_servers=kafka)) as admin:
        admin.alter_configs([soon])
    assert adrwatch("ingest", "replay", write("posts.jsonl", post(1), post(2)), "--source-name", "forum") == 0
    adrwatch("ingest", "delete", "forum:1")

    def texts() -> set[str]:
        # Writing on is what closes the broker's open file, which is never compacted.
        adrwatch("ingest", "delete", "forum:1")
        return {record.key.decode() for record in adrwatch.records("posts") if record.value is not None}

    ledger.wait_for(lambda: texts() == {"forum:2"}, "compaction")


def test_topics_are_created_as_declared_and_a_drift_is_mended(adrwatch: Adrwatch, kafka: str) -> None:
    name = POSTS.name(adrwatch.prefix)

    def states() -> dict[str, dict[str, Any]]:
        return {state["name"]: state for state in adrwatch.json("topics", "list")}

    # The controller answers before the broker that is asked has heard of a change.
    with closing(KafkaAdminClient(bootstrap_servers=kafka)) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": "60000"})])
        drift = {"retention.ms": {"broker": "60000", "declared": str(POSTS.retention_ms)}}
        ledger.wait_for(lambda: states()[name]["drift"] == drift, "the drift")
        assert adrwatch("topics", "apply") == 0
        assert "0 created, 1 mended" in adrwatch.out
        ledger.wait_for(lambda: {state["status"] for state in states().values()} == {"ok"}, "the end of the drift")
        admin.create_partitions({name: 5})
        ledger.wait_for(lambda: states()[name]["partitions"] == 5, "the fifth partition")
    assert adrwatch("topics", "apply") == 2
    assert f"{name} has 5, not 4" in adrwatch.err
    assert adrwatch("ingest", "replay", write("posts.jsonl", post(1))) == 2
    assert "5 partitions and adrwatch counts on 4" in adrwatch.err


def test_a_wrong_prefix_is_one_clear_error(adrwatch: Adrwatch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADRWATCH_TOPIC_PREFIX", "nobody")
    assert adrwatch("ingest", "replay", write("posts.jsonl", post(1))) == 2
    assert "there is no topic nobody.dead-letters, nobody.posts" in adrwatch.err
    assert "adrwatch topics apply" in adrwatch.err
    assert adrwatch.prefix in adrwatch.err
    assert "Traceback" not in adrwatch.err


def test_an_interrupted_replay_accounts_for_what_it_read(adrwatch: Adrwatch) -> None:
    """A real Ctrl-C, while the command waits for standard input."""
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli", "ingest", "replay", "-", "--format", "jsonl", "--json"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ.copy(),
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(b"".join(json.dumps(post(number)).encode() + b"\n" for number in range(200)))
    process.stdin.flush()
    while len(adrwatch.records("posts")) < 200:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    account = json.loads(out)
    assert (account["read"], account["delivered"], account["interrupted"]) == (200, 200, True)
    assert account["balanced"]
    assert process.returncode == 130
    assert b"Traceback" not in err

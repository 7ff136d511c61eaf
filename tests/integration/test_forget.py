"""`adrwatch forget` with real topics and the workers of the stores: what is found, what is forgotten, and what the receipt says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis
from kafka import KafkaProducer

from services.cases.audit import Trail
from services.cases.casebook import Casebook
from services.cases.database import Database
from shared.events import Published, encode
from shared.keyring import keyring
from shared.redis_keys import Keys
from shared.settings import current
from shared.text.identity import post_hash
from shared.topics import OUTCOMES, PUBLISHED
from tests.faults import ledger
from tests.integration.cases.items import opened
from tests.integration.ingest_command import Adrwatch, adrwatch
from tests.processes import gone_at_the_end
from tests.unit.alerting.world import outcome

__all__ = ["adrwatch"]

JANE, JOHN = "a" * 32, "b" * 32


def write(kafka: str, *records: tuple[str, str, bytes]) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
    for topic, key, value in records:
        producer.send(topic, value, key.encode())
    producer.flush()
    producer.close()


def worker(name: str, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "services.cli", "worker", name], env=dict(os.environ), stdout=log, stderr=log
        )


def test_an_author_is_forgotten_by_every_store_and_the_receipt_says_when(
    adrwatch: Adrwatch,
    kafka: str,
    redis_url: str,
    topic_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ADRWATCH_REDIS_URL", redis_url)
    monkeypatch.setenv("ADRWATCH_REDIS_PREFIX", topic_prefix)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    published, outcomes = PUBLISHED.name(topic_prefix), OUTCOMES.name(topic_prefix)
    hers, his = outcome("own:2", 0, author=JANE), outcome("own:3", 0, author=JOHN)
    write(
        kafka,
        (published, "own:1", encode(Published(id="own:1", author=JANE))),
        (published, "own:3", encode(Published(id="own:3", author=JOHN))),
        *((outcomes, one.post_id, encode(one)) for one in (hers, his)),
    )
    database = Database.opened(current())
    book = Casebook(database, Trail.of(current()), "assessor one")
    case, other = opened(book, 1), opened(book, 3)

    answer = adrwatch.json("forget", "--author", JANE, "--wait", "1")
    assert sorted(answer["posts"]) == ["own:1", "own:2"]
    assert answer["receipt"]["absent"] == ["alerting", "cases"]
    assert not answer["receipt"]["complete"]
    assert {record.key for record in adrwatch.records("published") if record.value is None} == {b"own:1", b"own:2"}

    running = [worker(name, tmp_path) for name in ("alerting", "cases")]
    with gone_at_the_end(running):

        def honoured() -> bool:
            return (
                adrwatch("forget", "own:1", "own:2", "--wait", "30", "--json") == 0
                and not json.loads(adrwatch.out)["receipt"]["absent"]
            )

        ledger.wait_for(honoured, "both stores")
        assert json.loads(adrwatch.out)["receipt"]["honoured_after_seconds"].keys() == {"alerting", "cases"}
        assert {found.id: found.post for found in book.all()} == {case.id: None, other.id: "own:3"}
        with redis.Redis.from_url(redis_url) as client:
            posts = ("own:1", "own:2", "own:3")
            assert [bool(client.exists(Keys(topic_prefix).deleted(post))) for post in posts] == [True, True, False]

        def receipts() -> list[dict[str, Any]]:
            return adrwatch.json("audit", "receipts", "own:1")["receipts"]

        # The pipeline does not run here.
        ledger.wait_for(lambda: receipts()[0]["missing"] == ["pipeline"], "the receipt of every other store")
        assert {one["asked_by"] for one in receipts()} == {"hand"}

        running[1].kill()
        running[1].wait()
        assert adrwatch("forget", "own:3", "--wait", "10") == 1
        assert "the case store: not yet after 10 s; see that the worker cases runs" in adrwatch.out
        assert "Redis: forgotten after" in adrwatch.out
    database.close()


def test_an_author_without_posts_and_what_is_no_hash_are_clear_errors(adrwatch: Adrwatch) -> None:
    assert adrwatch("forget", "--author", JANE) == 2
    assert f"no post of the author {JANE} is known" in adrwatch.err
    assert adrwatch("forget", "--author", "@jane") == 2
    assert "no keyed hash" in adrwatch.err
    assert "@jane" not in adrwatch.err
    assert adrwatch("forget") == 2
    assert "nothing to forget is named" in adrwatch.err
    assert adrwatch.records("deletions") == []


def test_a_post_is_forgotten_by_its_address_at_the_network(adrwatch: Adrwatch) -> None:
    address = "at://did:plc:abc/app.bsky.feed.post/3k"
    answer = adrwatch.json("forget", "--native", f"bluesky:{address}")
    post = f"bluesky:{post_hash(keyring(current()).current.secret, 'bluesky', address)}"
    assert answer["posts"] == [post]
    assert [record.key.decode() for record in adrwatch.records("deletions")] == [post]

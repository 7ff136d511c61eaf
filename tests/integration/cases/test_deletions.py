"""A post that is deleted at its source leaves its case, by the worker between a real topic and each kind of database."""

from __future__ import annotations

import contextlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from kafka import KafkaProducer

from services.cases.audit import Trail
from services.cases.casebook import Casebook
from services.cases.database import Database
from services.cases.receipts import STORES, Receipts
from shared.errors import AdrwatchError
from shared.events import Deletion, Forgotten, Store, derived_id, encode, now
from shared.topics import DEAD_LETTERS, DELETIONS
from tests import topics
from tests.integration.cases.items import item, opened
from tests.processes import work_until

PATIENCE = 60.0


def test_a_deleted_post_leaves_its_case_once_and_a_foreign_message_is_kept(
    place, book, adrwatch, kafka, topic_prefix, tmp_path
):
    case, other = opened(book, 1), opened(book, 2)
    topics.make_all(kafka, topic_prefix)
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
    deletion = encode(Deletion(id="own:1", deleted_at=now()))
    for value in (b"no deletion", deletion, deletion, encode(Deletion(id="own:99", deleted_at=now()))):
        producer.send(DELETIONS.name(topic_prefix), value, b"key")
    producer.flush()
    producer.close()
    environment = {**os.environ, "ADRWATCH_KAFKA_BOOTSTRAP": kafka, "ADRWATCH_TOPIC_PREFIX": topic_prefix}
    work_until(
        "cases",
        tmp_path,
        lambda: None in (book.all()[-1].post, book.all()[0].post),
        lambda: topics.records(kafka, DEAD_LETTERS.name(topic_prefix)),
        environment=environment,
    )
    posts = {found.id: found.post for found in book.all()}
    assert posts == {case.id: None, other.id: "own:2"}
    rows = [
        json.loads(line) for line in adrwatch("audit", "export", "--subject", f"case:{case.id}").stdout.splitlines()
    ]
    assert [(row["action"], row["actor"]) for row in rows] == [("open", "assessor one"), ("forget", "adrwatch")]
    assert adrwatch("audit", "verify").exit_code == 0
    [receipt] = json.loads(adrwatch("audit", "receipts", "own:99", "--json").stdout)["receipts"]
    assert list(receipt["stores"]) == ["cases"]
    assert "taken back" in adrwatch("cases", "show", case.id).stdout
    assert book.forget(["own:1"]) == 0


def test_no_file_of_the_database_names_a_deleted_post_while_a_worker_has_it_open(book, tmp_path, place):
    """SQLite's journal keeps pages as they were; PostgreSQL's is the operator's to keep."""
    opened(book, 1)
    files = list(tmp_path.rglob("*.sqlite3*"))
    assert bool(files) == (place.database_url is None)
    named = [path for path in files if b"own:1" in path.read_bytes()]
    assert bool(named) == bool(files)
    book.forget(["own:1"])
    assert [path for path in files if path.exists() and b"own:1" in path.read_bytes()] == []
    assert [case.post for case in book.all()] == [None]


def test_a_receipt_says_how_and_when_it_was_asked_and_when_each_store_had_forgotten(place, database, adrwatch):
    receipts = Receipts(database, Trail.of(place))
    asked = datetime(2026, 3, 1, 9, tzinfo=UTC)

    def forgotten(post: str, store: Store, seconds: float, at: datetime = asked) -> Forgotten:
        done = at + timedelta(seconds=seconds)
        return Forgotten(post=derived_id(post), store=store, requested_at=at, forgotten_at=done, asked_by="network")

    receipts.note([forgotten("own:1", store, seconds) for seconds, store in enumerate(STORES, start=1)])
    # A crash in between tells it once more; the first time counts. The second request is one of its own.
    receipts.note([forgotten("own:1", "topics", 50), forgotten("own:2", "topics", 70)])
    receipts.note([forgotten("own:1", "topics", 1, asked + timedelta(days=1))])
    done = adrwatch("audit", "receipts", "own:1", "--json")
    again, first = json.loads(done.stdout)["receipts"]
    assert first["seconds"] == {"topics": 1.0, "pipeline": 2.0, "windows": 3.0, "signals": 4.0, "cases": 5.0}
    assert (first["asked_by"], first["requested_at"]) == ("network", "2026-03-01T09:00:00Z")
    assert (first["missing"], first["slowest"]) == ([], 5.0)
    assert (again["id"], again["missing"]) == (first["id"], ["pipeline", "windows", "signals", "cases"])
    everything = json.loads(adrwatch("audit", "receipts", "--json").stdout)["seconds"]
    assert (everything["topics"]["posts"], everything["topics"]["late"], everything["all"]["posts"]) == (3, 1, 1)
    late = adrwatch("audit", "receipts", "--late").stdout
    assert receipts.id_of("own:2") in late
    assert late.count(first["id"]) == 1
    assert adrwatch("audit", "receipts", first["id"]).exit_code == 0
    assert adrwatch("audit", "receipts", "own:3").exit_code == 1
    trail = adrwatch("audit", "export").stdout
    assert not [name for name in ("own:1", derived_id("own:1")) if name in trail], "nobody finds a post without the key"
    assert adrwatch("audit", "verify").exit_code == 0


def test_no_case_is_opened_from_a_post_whose_deletion_came_first(book, adrwatch, sql):
    assert book.forget(["own:1"]) == 0
    with pytest.raises(AdrwatchError, match="was deleted at its source"):
        opened(book, 1)
    assert book.all() == []
    assert adrwatch("audit", "export").stdout == ""
    assert opened(book, 2).post == "own:2"
    # Hashes are kept as long as the deletions themselves.
    sql("UPDATE deleted_posts SET at = '2020-01-01T00:00:00+00:00'")
    book.forget(["own:3"])
    assert len(sql("SELECT post FROM deleted_posts")) == 1


def test_a_deletion_and_an_opening_at_once_leave_no_case_that_names_the_post(place, book):
    """Whichever of the two comes first."""
    for number in range(10):
        with ThreadPoolExecutor(2) as pool:

            def delete(number: int = number) -> None:
                with Database.used(place) as database:
                    Casebook(database, Trail.of(place), "adrwatch").forget([f"own:{number}"])

            def open_one(number: int = number) -> None:
                with contextlib.suppress(AdrwatchError):
                    opened(book, number)

            list(pool.map(lambda act: act(), (open_one, delete)))
    assert {case.post for case in book.all()} <= {None}


def test_an_edit_takes_the_post_from_a_case_of_before_it_and_a_later_version_may_open_one(book, sql):
    before = opened(book, 1)
    edited = now()
    assert book.forget(["own:1"], edited=edited) == 1
    assert [case.post for case in book.all()] == [None]
    # What a person sees may still be from before the edit.
    later = msgspec.structs.replace(item(3), examples=("own:1",))
    with pytest.raises(AdrwatchError, match="was edited at its source a moment ago"):
        book.open(later, (), (), "opened from the queue")
    sql(f"UPDATE deleted_posts SET at = '{(edited - timedelta(minutes=2)).isoformat()}'")
    case = book.open(later, (), (), "opened from the queue")
    assert (case.post, case.id == before.id) == ("own:1", False)
    # A worker that was behind, and one that is told again, leave it alone.
    assert book.forget(["own:1"], edited=edited - timedelta(minutes=2)) == 0
    assert book.forget(["own:1"]) == 1
    with pytest.raises(AdrwatchError, match="was deleted at its source"):
        book.open(msgspec.structs.replace(item(4), examples=("own:1",)), (), (), "opened from the queue")

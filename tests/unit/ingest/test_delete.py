"""The order in which a post is taken back: what a repeat needs to find it goes last."""

from __future__ import annotations

from kafka.errors import MessageSizeTooLargeError

from services.ingest.delete import delete
from services.ingest.delivery import Delivery
from tests.unit.ingest.samples import FakeProducer


def test_the_note_of_a_published_post_goes_after_everything_else() -> None:
    producer = FakeProducer()
    account = delete(["own:1", "own:2"], [], Delivery(producer), "test")
    assert account.complete
    topics = [record["topic"] for record in producer.records]
    assert topics == ["test.deletions"] * 2 + ["test.posts"] * 2 + ["test.published"] * 2
    assert {record["key"] for record in producer.records[4:]} == {b"own:1", b"own:2"}
    assert all(record["value"] is None for record in producer.records[2:])


def test_a_post_whose_tombstone_failed_stays_findable_for_the_repeat() -> None:
    producer = FakeProducer(lambda number: MessageSizeTooLargeError() if number == 1 else None)
    account = delete(["own:1"], [], Delivery(producer), "test")
    assert not account.complete
    assert [record["topic"] for record in producer.records] == ["test.deletions"]

from __future__ import annotations

import functools
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError

from services.ingest.accept import accept
from services.ingest.delivery import Delivery, Message
from services.ingest.publish import Account, letter_of, publish
from services.ingest.recipe import RECIPE_HEADER
from services.ingest.source import Origin, Policy, RawPost, Reject, SourceBroken
from services.ingest.stopping import StopSignal
from shared.events import DeadLetter, Post, decode
from shared.topics import POSTS, partition_of
from tests.unit.ingest.samples import AT, LIMITS, FakeProducer, hashed, raw_post

REJECT = Reject("bad-json", "not JSON", Origin("posts.jsonl", 3, b"{}"), b"{broken", None)


def run(
    items: Iterable[RawPost | Reject], producer: FakeProducer, *, stop: StopSignal | None = None
) -> tuple[Account, SourceBroken | None, list[Reject]]:
    account = Account()
    seen: list[Reject] = []
    trouble = publish(
        items,
        lambda raw: accept(raw, Policy(), LIMITS, hashed, AT),
        Delivery(producer),
        account,
        stop or StopSignal(),
        prefix="test",
        on_reject=seen.append,
    )
    return account, trouble, seen


def test_posts_go_to_the_partition_of_their_id_under_their_id_with_the_time_of_ingest() -> None:
    producer = FakeProducer()
    account, _, _ = run([raw_post("7")], producer)
    [record] = producer.records
    assert (record["topic"], record["key"], record["partition"]) == (
        "test.posts",
        b"forum:7",
        partition_of("forum:7", POSTS.partitions),
    )
    assert decode(record["value"], Post).id == "forum:7"
    assert abs(record["timestamp_ms"] / 1000 - time.time()) < 60
    assert account.complete


def test_a_reject_becomes_a_dead_letter_that_knows_file_line_and_how_to_read_it_again() -> None:
    producer = FakeProducer()
    account, _, seen = run([REJECT], producer)
    [record] = producer.records
    letter = decode(record["value"], DeadLetter)
    assert (letter.stage, letter.topic, letter.partition, letter.offset) == ("ingest", "posts.jsonl", -1, 3)
    assert (letter.reason, letter.payload, letter.key) == ("bad-json", b"{broken", None)
    assert record["key"] == letter.id.encode()
    assert record["headers"] == [(RECIPE_HEADER, b"{}")]
    assert seen == [REJECT]
    assert account.rejected == {"bad-json": 1}


def test_a_second_replay_writes_the_same_dead_letters() -> None:
    producer = FakeProducer()
    other = Reject("bad-json", "not JSON", Origin("posts.jsonl", 3), b"{other", None)
    for item in (REJECT, REJECT, other):
        run([item], producer)
    keys = [record["key"] for record in producer.records]
    assert keys[0] == keys[1] != keys[2]


def test_the_id_of_a_letter_tells_nothing_of_a_text_that_is_withheld() -> None:
    withheld = [
        Reject("bad-time", "no time", Origin("posts.jsonl", line), payload, post_id, withheld=True)
        for line, payload, post_id in ((3, b"one", "x:1"), (3, b"two", "x:1"), (4, b"one", "x:1"), (3, b"one", "x:2"))
    ]
    ids = [letter_of(reject).id for reject in withheld]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_a_post_refused_by_the_limits_is_a_dead_letter_under_the_post_s_id() -> None:
    producer = FakeProducer()
    account, _, _ = run([raw_post("7", text=" ")], producer)
    assert decode(producer.records[0]["value"], DeadLetter).key == b"forum:7"
    assert (account.read, account.delivered, account.rejected) == (1, 0, {"empty-text": 1})


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30))
def test_the_account_balances_and_counts_as_delivered_only_what_was_acknowledged(
    fates: list[tuple[bool, bool]],
) -> None:
    """Each record is (a post?, does the broker take it?)."""
    producer = FakeProducer(lambda number: None if fates[number][1] else MessageSizeTooLargeError())
    account, _, _ = run([raw_post(str(number)) if post else REJECT for number, (post, _) in enumerate(fates)], producer)
    assert account.balanced
    assert account.read == len(fates)
    assert account.delivered == fates.count((True, True)) == sum(r["topic"] == "test.posts" for r in producer.records)
    assert account.rejected.total() == fates.count((False, True))
    assert account.failed.total() == sum(not taken for _, taken in fates)
    assert account.complete == all(taken for _, taken in fates)


def test_a_record_that_cannot_even_be_handed_over_has_failed() -> None:
    class Refusing(FakeProducer):
        def send(self, topic: str, **record: object) -> object:
            raise MessageSizeTooLargeError

    account, _, _ = run([raw_post("1"), raw_post("2")], Refusing())
    assert account.failed == {"MessageSizeTooLargeError": 2}
    assert account.balanced
    assert not account.complete


def test_a_broker_that_is_away_ends_the_reading() -> None:
    class Away(FakeProducer):
        def send(self, topic: str, **record: object) -> object:
            raise KafkaTimeoutError

    read: list[int] = []

    def posts() -> Iterator[RawPost]:
        for number in range(1000):
            read.append(number)
            yield raw_post(str(number))

    account, _, _ = run(posts(), Away())
    assert read == [0]
    assert account.failed == {"KafkaTimeoutError": 1}
    assert account.balanced


def test_what_the_broker_never_answers_is_unacknowledged_and_not_delivered() -> None:
    account, _, _ = run([raw_post("1"), REJECT], FakeProducer(answers=False))
    assert (account.read, account.delivered, account.rejected.total(), account.unacknowledged) == (2, 0, 0, 2)
    assert account.balanced
    assert not account.complete


def test_a_source_that_breaks_is_accounted_for_up_to_there() -> None:
    def posts() -> Iterator[RawPost]:
        yield raw_post("1")
        raise SourceBroken("the file ends in the middle")

    account, trouble, _ = run(posts(), FakeProducer())
    assert (account.read, account.delivered) == (1, 1)
    assert trouble is not None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_waiting_for_input_delivers_and_accounts_for_what_was_read(number: signal.Signals) -> None:
    producer = FakeProducer()

    def posts() -> Iterator[RawPost]:
        yield raw_post("1")
        yield raw_post("2")
        os.kill(os.getpid(), number)
        time.sleep(30)
        yield raw_post("3")

    with StopSignal() as stop:
        account, _, _ = run(posts(), producer, stop=stop)
    assert account.interrupted
    assert (account.read, account.delivered, len(producer.records)) == (2, 2, 2)
    assert account.complete


def test_a_signal_while_a_record_is_handed_over_stops_after_it() -> None:
    class Interrupting(FakeProducer):
        def send(self, topic: str, **record: object) -> object:
            os.kill(os.getpid(), signal.SIGINT)
            return super().send(topic, **record)

    producer = Interrupting()
    with StopSignal() as stop:
        account, _, _ = run([raw_post("1"), raw_post("2")], producer, stop=stop)
    assert (account.read, account.delivered, account.interrupted) == (1, 1, True)
    assert account.complete


def test_a_signal_while_the_broker_keeps_everything_waiting_is_not_kept_waiting() -> None:
    delivery = Delivery(FakeProducer(answers=False), most_in_flight=1)
    account = Account()
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
    with StopSignal() as stop:
        publish(
            [raw_post("1"), raw_post("2")],
            lambda raw: accept(raw, Policy(), LIMITS, hashed, AT),
            delivery,
            account,
            stop,
            prefix="test",
            on_reject=lambda reject: None,
        )
    assert (account.read, account.unacknowledged, account.interrupted) == (1, 1, True)
    assert account.balanced


def test_signals_mean_again_afterwards_what_they_meant_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with StopSignal():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_no_more_records_wait_for_their_acknowledgement_than_allowed() -> None:
    producer = FakeProducer()
    delivery = Delivery(producer, most_in_flight=3)
    message = Message("test.posts", b"k", b"v", 0)
    done: list[int] = []

    def send_all() -> None:
        for number in range(5):
            delivery.send(message, functools.partial(done.append, number))

    thread = threading.Thread(target=send_all)
    thread.start()
    while delivery.in_flight < 3:
        time.sleep(0.001)
    thread.join(0.05)
    assert delivery.in_flight == 3
    assert thread.is_alive()
    while thread.is_alive() or delivery.in_flight:
        producer.flush()
    assert done == [0, 1, 2, 3, 4]

"""Delivery of posts and rejects to Kafka with an account of every record.

read = delivered + rejected + failed + unacknowledged, and a record counts as delivered (or its reject as rejected) only
when the broker has acknowledged it.
"""

from __future__ import annotations

import functools
import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from kafka.errors import InvalidRecordError, KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from services.ingest.recipe import RECIPE_HEADER
from services.ingest.source import RawPost, Reject, SourceBroken
from services.ingest.stopping import StopSignal
from shared import metrics
from shared.events import DeadLetter, Post, derived_id, encode, now
from shared.topics import DEAD_LETTERS, POSTS, partition_of

MOST_IN_FLIGHT = 10_000
STAGE = "ingest"
# What a broker may hold against one record while it takes others.
_OF_ONE_RECORD = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidRecordError)
_FLUSH_ON_STOP = 10.0


class Producer(Protocol):
    """What is used of KafkaProducer."""

    def send(
        self,
        topic: str,
        *,
        value: bytes | None,
        key: bytes,
        headers: list[tuple[str, bytes]],
        partition: int,
        timestamp_ms: int | None = None,
    ) -> Any:
        """A future of the broker's acknowledgement."""

    def flush(self, timeout: float | None = None) -> None:
        """Wait until every record is acknowledged or has failed. Raises KafkaTimeoutError."""


@dataclass(frozen=True, slots=True)
class Message:
    """One record to deliver; `value` None is a tombstone."""

    topic: str
    key: bytes
    value: bytes | None
    partition: int
    headers: list[tuple[str, bytes]] = field(default_factory=list)


class Delivery:
    """Sends records and counts what became of each. At most `most_in_flight` wait for their acknowledgement.

    `hopeless` turns true when a failure was not about the one record (the broker is away, refuses the client): more
    records would only fail as well.
    """

    def __init__(self, producer: Producer, most_in_flight: int = MOST_IN_FLIGHT) -> None:
        self._producer = producer
        self._most = most_in_flight
        self._changed = threading.Condition()
        self.in_flight = 0
        self.failed: Counter[str] = Counter()
        self.hopeless = False

    def send(self, message: Message, acknowledged: Callable[[], None]) -> None:
        """Hand the record to the producer; `acknowledged` is called, one at a time, once the broker has it."""
        with self._changed:
            self._changed.wait_for(lambda: self.in_flight < self._most)
            self.in_flight += 1
        try:
            future = self._producer.send(
                message.topic,
                value=message.value,
                key=message.key,
                headers=message.headers,
                partition=message.partition,
                # Retention counts from here: by event time the broker would delete a replay of old posts at once.
                timestamp_ms=int(time.time() * 1000),
            )
        except (KafkaError, ValueError) as error:
            self._settle(None, error)
            return
        future.add_callback(lambda _: self._settle(acknowledged, None))
        future.add_errback(lambda error: self._settle(None, error))

    def _settle(self, acknowledged: Callable[[], None] | None, error: Exception | None) -> None:
        with self._changed:
            self.in_flight -= 1
            if acknowledged is not None:
                acknowledged()
            if error is not None:
                self.failed[type(error).__name__] += 1
                self.hopeless = self.hopeless or not isinstance(error, _OF_ONE_RECORD)
            self._changed.notify_all()

    def finish(self, timeout: float | None = None) -> None:
        """Wait until every record is acknowledged or given up, at most `timeout` seconds; the rest stays in flight."""
        try:
            self._producer.flush(timeout)
        except KafkaError:
            self.hopeless = True
            return
        with self._changed:
            # The producer's batches are done a moment before their callbacks.
            self._changed.wait_for(lambda: self.in_flight == 0, timeout=1.0)


@dataclass
class Account:
    """What became of the records of a source. `failed` counts by the broker's error."""

    read: int = 0
    delivered: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    unacknowledged: int = 0
    interrupted: bool = False
    seconds: float = 0.0

    @property
    def balanced(self) -> bool:
        """Whether every record that was read is accounted for."""
        known = self.delivered + self.rejected.total() + self.failed.total() + self.unacknowledged
        return self.read == known

    @property
    def complete(self) -> bool:
        """Whether every record that was read is with the broker, as a post or as a dead letter."""
        return self.balanced and not self.failed and not self.unacknowledged


def publish(
    items: Iterable[RawPost | Reject],
    accept: Callable[[RawPost], Post | Reject],
    delivery: Delivery,
    account: Account,
    stop: StopSignal,
    *,
    prefix: str,
    on_reject: Callable[[Reject], None],
) -> SourceBroken | None:
    """Publish the items until they end, the broker is away, or `stop` is asked for; fills `account` as it goes.

    Returns the error of a source that ended in the middle, after what came before it was delivered.
    """
    started = time.monotonic()
    trouble: SourceBroken | None = None
    iterator = iter(items)

    def delivered() -> None:
        account.delivered += 1
        metrics.RECORDS_OUT.labels(STAGE, POSTS.suffix).inc()

    def rejected(reason: str) -> None:
        account.rejected[reason] += 1
        metrics.DEAD_LETTERS.labels(STAGE, reason).inc()

    try:
        while not stop.asked and not delivery.hopeless:
            with stop.interruptible():
                item = next(iterator, None)
            if item is None:
                break
            account.read += 1
            ready = accept(item) if isinstance(item, RawPost) else item
            if isinstance(ready, Post):
                delivery.send(post_message(ready, prefix), delivered)
            else:
                on_reject(ready)
                delivery.send(reject_message(ready, prefix), functools.partial(rejected, ready.reason))
    except SourceBroken as error:
        trouble = error
    except KeyboardInterrupt:
        account.interrupted = True
    account.interrupted = account.interrupted or stop.asked
    try:
        delivery.finish(_FLUSH_ON_STOP if account.interrupted else None)
    except KeyboardInterrupt:
        account.interrupted = True
    account.failed = delivery.failed
    account.unacknowledged = delivery.in_flight
    account.seconds = time.monotonic() - started
    return trouble


def post_message(post: Post, prefix: str) -> Message:
    """The record of a post: keyed by its id, in the partition of its id."""
    return Message(POSTS.name(prefix), post.id.encode(), encode(post), partition_of(post.id, POSTS.partitions))


def reject_message(reject: Reject, prefix: str) -> Message:
    """The dead letter of a reject. Its id comes from file, line and content: a second replay writes the same one."""
    content = hashlib.blake2b(reject.payload, digest_size=8).hexdigest()
    origin = reject.origin
    letter = DeadLetter(
        id=derived_id(STAGE, origin.file, str(origin.line), reject.reason, content),
        reason=reject.reason,
        detail=reject.detail,
        stage=STAGE,
        topic=origin.file,
        partition=-1,
        offset=origin.line,
        occurred_at=now(),
        payload=reject.payload,
        key=reject.post_id.encode() if reject.post_id is not None else None,
    )
    return Message(
        DEAD_LETTERS.name(prefix),
        letter.id.encode(),
        encode(letter),
        partition_of(letter.id, DEAD_LETTERS.partitions),
        [(RECIPE_HEADER, origin.recipe)],
    )

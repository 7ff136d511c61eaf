"""Records on their way to Kafka: what was acknowledged, what failed, what still waits."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from kafka.errors import InvalidRecordError, KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

MOST_IN_FLIGHT = 10_000
# What a broker may hold against one record while it takes others.
_OF_ONE_RECORD = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidRecordError)


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

    def wait_for_room(self) -> None:
        """Wait until one more record may be sent. Records are sent by one thread."""
        with self._changed:
            self._changed.wait_for(lambda: self.in_flight < self._most)

    def send(self, message: Message, acknowledged: Callable[[], None]) -> None:
        """Hand the record to the producer; `acknowledged` is called, one at a time, once the broker has it."""
        self.wait_for_room()
        with self._changed:
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

"""Kafka outside a worker of the pipeline: records that a process writes and whose acknowledgement it waits for."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError

from shared.broker import connect
from shared.broker_security import unacknowledged
from shared.settings import Settings
from shared.stream import Output

# kafka-python's own 16 KiB are some dozen posts: every request costs, and only one is under way.
_BATCH_BYTES = 1 << 18
_CLOSE_SECONDS = 1.0
# A new topic is asked for by waking kafka-python's loop of metadata. Where it was just going to sleep it misses that, and sleeps on
# for as long as metadata may be old.
METADATA_MS = 10_000


def producer_options(patience: float) -> dict[str, Any]:
    """How a Writer sets its producer; `patience` is in seconds."""
    milliseconds = int(patience * 1000)
    return {
        "acks": "all", "enable_idempotence": False, "linger_ms": 0, "batch_size": _BATCH_BYTES,
        "max_in_flight_requests_per_connection": 1, "allow_auto_create_topics": False,
        "metadata_max_age_ms": METADATA_MS,
        "max_block_ms": milliseconds, "request_timeout_ms": milliseconds, "delivery_timeout_ms": milliseconds,
    }  # fmt: skip


class Writer:
    """Writes and waits, for as long as the process lives; may be used by several threads. Connects at the first record.

    A broker that was away for longer than `patience` seconds is written to again as soon as it is back. An idempotent producer
    cannot do that: once a batch that was sent before has expired, kafka-python 3.0 gives its producer id away and never asks
    for another, so that every later record expires too (`reset_producer_id` leaves the state READY, in which
    `init_producer_id` does nothing). Hence a plain producer, with one request at a time for the order; what was written but
    not acknowledged may come twice, and who reads goes by the key or by the record's own id.
    """

    def __init__(self, settings: Settings, patience: float) -> None:
        self._settings = settings
        self._patience = patience
        self._lock = threading.Lock()
        self._producer: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, outputs: Iterable[Output]) -> None:
        """Write messages of adrwatch's topics. Raises DependencyAway where one is not acknowledged."""
        found = list(outputs)
        if not found:
            return
        prefix = self._settings.topic_prefix
        try:
            send = self._connected().send
            sent = [
                send(one.topic.name(prefix), one.value, one.key.encode(), list(one.headers), _place(one))
                for one in found
            ]
            for one in sent:
                # Most are acknowledged along with the first.
                if not one.succeeded():
                    one.get(timeout=self._patience)
        except KafkaError as error:
            raise unacknowledged(error) from error

    def write_to(self, topic: str, key: str, value: bytes, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        """Write one message to any topic. Raises DependencyAway where no broker answers, KafkaError for what this one says."""
        self._connected().send(topic, value, key.encode(), list(headers)).get(timeout=self._patience)

    def close(self) -> None:
        """Let the connection go. Whatever was not acknowledged has raised before."""
        if self._producer is not None:
            with suppress(KafkaError):
                self._producer.close(timeout=_CLOSE_SECONDS)

    def _connected(self) -> Any:
        with self._lock:
            if self._producer is None:
                self._producer = connect(self._settings, KafkaProducer, **producer_options(self._patience))
            return self._producer


def _place(output: Output) -> int | None:
    # Of one partition none need be chosen: kafka-python's hash of a key takes half as long as all else about a record.
    return 0 if output.topic.partitions == 1 else output.partition

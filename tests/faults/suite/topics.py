"""Reads whole topics with librdkafka, which no part of the product uses."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

_SILENCE = 60
_MOMENT = 0.3


@dataclass(frozen=True)
class Message:
    """A record as it lies in its topic."""

    key: str
    value: bytes | None
    partition: int
    offset: int

    @property
    def content(self) -> dict[str, Any] | None:
        """What it says; None for a tombstone."""
        return None if self.value is None else json.loads(self.value)


def read(kafka: str, topic: str) -> list[Message]:
    """Every record that lies in a topic now, in the order of each partition."""
    consumer = Consumer(
        {"bootstrap.servers": kafka, "group.id": "the checker of faults", "enable.auto.commit": False, "log_level": 0}
    )
    try:
        partitions = consumer.list_topics(topic, timeout=_SILENCE).topics[topic].partitions
        ends: dict[int, int] = {}
        places = []
        for partition in partitions:
            first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_SILENCE)
            if end > first:
                ends[partition] = end
                places.append(TopicPartition(topic, partition, first))
        consumer.assign(places)
        found: list[Message] = []
        heard = time.monotonic()
        while ends:
            # It waits for so many, or for the whole time.
            records = consumer.consume(1000, timeout=_MOMENT)
            heard = time.monotonic() if records else heard
            assert time.monotonic() < heard + _SILENCE, f"{topic} cannot be read to its end: {ends}"
            _take(records, ends, found)
        return found
    finally:
        consumer.close()


def _take(records: Sequence[Any], ends: dict[int, int], found: list[Message]) -> None:
    for record in records:
        if record.error():
            raise KafkaException(record.error())
        partition, offset = record.partition(), record.offset()
        found.append(Message((record.key() or b"").decode(errors="replace"), record.value(), partition, offset))
        # What lies behind the end of before came meanwhile.
        if offset + 1 >= ends.get(partition, 0):
            ends.pop(partition, None)


def latest(messages: Sequence[Message]) -> dict[str, dict[str, Any]]:
    """What stands under each key, tombstones left out."""
    found = {message.key: message for message in messages}
    return {key: message.content for key, message in found.items() if message.content is not None}

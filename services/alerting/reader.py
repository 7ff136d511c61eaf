"""Reading adr.alerts outside a worker, for the command line: from the beginning to the end, and on from there."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from shared.errors import AdrwatchError, DependencyAway
from shared.settings import Settings
from shared.topics import ALERTS

POLL_MS = 500
CONNECT_MS = 10_000

# The alert's id and its record; no record means that it was taken back.
Update = tuple[str, bytes | None]


class AlertReader:
    """Reads the topic without a group: nobody's offsets move. Use as a context manager."""

    def __init__(self, settings: Settings) -> None:
        """Raises DependencyAway without a broker, AdrwatchError without the topic."""
        address = settings.require("kafka_bootstrap")
        # kafka-python repeats in warnings what our errors say.
        logging.getLogger("kafka").setLevel(logging.CRITICAL)
        try:
            self._consumer = KafkaConsumer(
                bootstrap_servers=address.split(","),
                bootstrap_timeout_ms=CONNECT_MS,
                group_id=None,
                enable_auto_commit=False,
                allow_auto_create_topics=False,
            )
            name = ALERTS.name(settings.topic_prefix)
            known = self._consumer.partitions_for_topic(name)
        except (KafkaError, OSError, ValueError) as error:
            raise DependencyAway(
                f"no Kafka broker answers at {address}: {type(error).__name__}",
                fix="start one with `adrwatch up`, or mend ADRWATCH_KAFKA_BOOTSTRAP",
            ) from error
        if not known:
            self.close()
            raise AdrwatchError(f"there is no topic {name} at {address}", fix="run `adrwatch topics apply`")
        self._places = [TopicPartition(name, partition) for partition in sorted(known)]
        self._consumer.assign(self._places)
        self._consumer.seek_to_beginning(*self._places)

    def __enter__(self) -> AlertReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def to_end(self) -> Iterator[Update]:
        """What lies in the topic now, in order."""
        try:
            ends = self._consumer.end_offsets(self._places)
            while any(self._consumer.position(place) < end for place, end in ends.items()):
                yield from self._poll()
        except KafkaError as error:
            raise DependencyAway(f"adr.alerts cannot be read on: {type(error).__name__}") from error

    def follow(self) -> Iterator[Update]:
        """What comes from now on; never ends."""
        try:
            while True:
                yield from self._poll()
        except KafkaError as error:
            raise DependencyAway(f"adr.alerts cannot be read on: {type(error).__name__}") from error

    def _poll(self) -> Iterator[Update]:
        for records in self._consumer.poll(timeout_ms=POLL_MS).values():
            for record in records:
                yield (record.key or b"").decode(errors="replace"), record.value

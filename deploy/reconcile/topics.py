"""Reads the topics of results with a plain consumer of no group, again and again from where it stopped."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorError,
)
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from deploy.reconcile.account import Seen
from shared import broker
from shared.broker_security import client_options
from shared.errors import AdrwatchError, BadMessage, DependencyAway
from shared.events import decode
from shared.settings import Settings
from shared.topics import ALERTS, DEAD_LETTERS, DELETIONS, MENTIONS, OUTCOMES, POSTS, Topic

RESULTS = (OUTCOMES, MENTIONS, ALERTS, DEAD_LETTERS)
# What each service's group reads: `<prefix>.<service>`.
CONSUMED: dict[str, tuple[Topic, ...]] = {"pipeline": (POSTS,), "alerting": (OUTCOMES, MENTIONS, DELETIONS)}
_TIMEOUT_MS = 10_000
_POLL_MS = 200


class Results:
    """Fills `seen` from adr.outcomes, adr.mentions, adr.alerts and adr.dead-letters. Raises DependencyAway without a broker.

    `unreadable` counts records that are no message of adrwatch.
    """

    def __init__(self, settings: Settings) -> None:
        self.seen = Seen()
        self.unreadable = 0
        self._prefix = settings.topic_prefix
        self._kinds: dict[str, Topic] = {topic.name(self._prefix): topic for topic in RESULTS}
        self._posts = POSTS.name(self._prefix)
        self._bootstrap = settings.require("kafka_bootstrap")
        # The client repeats every failed connection on the log; the error below says it once.
        logging.getLogger("kafka").setLevel(logging.CRITICAL)
        clients: dict[str, Any] = {
            "bootstrap_servers": self._bootstrap,
            "bootstrap_timeout_ms": _TIMEOUT_MS,
            "request_timeout_ms": _TIMEOUT_MS,
            **client_options(settings),
        }
        try:
            with ExitStack() as opened:
                self._consumer = broker.opened(
                    KafkaConsumer, **clients, auto_offset_reset="earliest", enable_auto_commit=False, group_id=None
                )
                opened.callback(self._consumer.close)
                self._admin = broker.opened(KafkaAdminClient, **clients)
                opened.callback(self._admin.close)
                self._partitions = [
                    TopicPartition(name, number) for name in self._kinds for number in self._numbers(name)
                ]
                self._consumer.assign(self._partitions)
                self._clients = opened.pop_all()
        except (KafkaError, OSError) as error:
            raise self._away(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clients.close()

    def _numbers(self, name: str) -> list[int]:
        numbers = self._consumer.partitions_for_topic(name)
        if not numbers:
            raise AdrwatchError(f"there is no topic {name}", fix="create the topics with `adrwatch topics apply`")
        return sorted(numbers)

    def _away(self, error: Exception) -> DependencyAway:
        return DependencyAway(
            f"Kafka at {self._bootstrap} does not answer: {type(error).__name__}",
            fix="start it with `adrwatch up`, or mend ADRWATCH_KAFKA_BOOTSTRAP",
        )

    def _ends(self, partitions: list[Any]) -> dict[Any, int]:
        """The end offset of each partition; one of a new topic may have no leader for a moment."""
        try:
            for attempt in Retrying(
                retry=retry_if_exception_type(KeyError), wait=wait_fixed(0.1), stop=stop_after_delay(_TIMEOUT_MS / 1000)
            ):
                with attempt:
                    # The client leaves a partition without a leader out of its answer, and stumbles over that.
                    ends: dict[Any, int] = self._consumer.end_offsets(partitions)
        except RetryError as error:
            raise self._away(error) from None
        return ends

    def read(self) -> int:
        """Read up to the present ends of the topics; returns how many records were new."""
        new = 0
        try:
            ends = self._ends(self._partitions)
            while any(self._consumer.position(place) < end for place, end in ends.items()):
                for place, records in self._consumer.poll(timeout_ms=_POLL_MS).items():
                    for record in records:
                        new += 1
                        self._take(place, record.key, record.value)
        except (KafkaError, OSError) as error:
            raise self._away(error) from None
        return new

    def _take(self, place: Any, key: bytes | None, value: bytes | None) -> None:
        topic = self._kinds[place.topic]
        if value is None:
            # In the dead letters a tombstone takes back a text only; that the letter was there still counts.
            if topic is ALERTS and key:
                self.seen.forget_alert(key.decode(errors="replace"))
            return
        try:
            event: Any = decode(value, topic.event)
        except BadMessage:
            self.unreadable += 1
            return
        self.seen.add(event, place.partition)

    def published(self) -> int:
        """Records that adr.posts has taken so far."""
        try:
            places = [TopicPartition(self._posts, number) for number in self._numbers(self._posts)]
            return sum(self._ends(places).values())
        except (KafkaError, OSError) as error:
            raise self._away(error) from None

    def lag(self) -> int:
        """Records that the pipeline and the alerting have not committed yet."""
        topics = {service: [name.name(self._prefix) for name in read] for service, read in CONSUMED.items()}
        try:
            places = {
                service: [TopicPartition(name, number) for name in names for number in self._numbers(name)]
                for service, names in topics.items()
            }
            ends = self._ends([place for group in places.values() for place in group])
            groups = {f"{self._prefix}.{service}": group for service, group in places.items()}
            committed = self._committed(groups)
        except (KafkaError, OSError) as error:
            raise self._away(error) from None
        behind = 0
        for group, of_group in groups.items():
            for place in of_group:
                offset = committed.get(group, {}).get(place)
                behind += max(0, ends[place] - max(0, offset.offset if offset else 0))
        return behind

    def _committed(self, groups: dict[str, list[Any]]) -> dict[str, Any]:
        try:
            committed: dict[str, Any] = self._admin.list_group_offsets(groups)
        except (CoordinatorNotAvailableError, CoordinatorLoadInProgressError, NotCoordinatorError):
            # A broker that has just started finds its coordinators at the first request: nothing is known to be committed.
            return {}
        return committed

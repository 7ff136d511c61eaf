"""Reads a topic, with the deletions that belong to it, in batches; keeps its place as a consumer group if that is wanted.

The partitions are assigned by hand: a group here is a place that is kept, not a team that shares the work. Deletions are read from
their beginning every time, for a mention may be written after its post was taken back.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaTimeoutError
from kafka.structs import OffsetAndMetadata

from shared.broker import connect, reading, require_topics
from shared.errors import AdrwatchError
from shared.settings import Settings
from shared.topics import Topic

_POLL_MS = 500
_MOST_RECORDS = 5000
# A consumer waits for ever for a broker that went away.
_SILENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Arrived:
    """A record. `fresh`: the group has not been given it before; without a group, and at a group's first time, all are fresh."""

    deletion: bool
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    written_ms: int
    headers: tuple[tuple[str, bytes], ...]
    fresh: bool


class Feed:
    """The records of a topic and of its deletions. Use as a context manager. `keeps_place`: for a group.

    Where a group has a place, the topic is read on from there; else from `since_ms` (when a record was written, in ms since 1970)
    or the topic's beginning. `gone` counts records that the topic let go of before this group had read them. Raises DependencyAway
    without a broker, and AdrwatchError for a topic that is missing or kept to others, and for a group of adrwatch's own.
    """

    def __init__(
        self,
        settings: Settings,
        topic: Topic,
        deletions: Topic | None = None,
        group: str | None = None,
        since_ms: int | None = None,
    ) -> None:
        if group is not None and group.startswith(f"{settings.topic_prefix}."):
            raise AdrwatchError(
                f"the group {group} may be one of adrwatch's own, whose place is not to be moved",
                fix=f"choose a name that does not begin with {settings.topic_prefix}.",
            )
        self.gone = 0
        self._name = topic.name(settings.topic_prefix)
        topics = [topic, deletions] if deletions is not None else [topic]
        require_topics(settings, topics)
        self._places = [
            TopicPartition(one.name(settings.topic_prefix), n) for one in topics for n in range(one.partitions)
        ]
        self.keeps_place = group is not None
        self._consumer: Any = connect(
            settings, KafkaConsumer, group_id=group, enable_auto_commit=False, allow_auto_create_topics=False,
            auto_offset_reset="earliest", max_poll_records=_MOST_RECORDS,
        )  # fmt: skip
        try:
            with reading(self._name):
                self._begin(since_ms)
        except BaseException:
            self._consumer.close()
            raise

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *exception: object) -> None:
        self._consumer.close()

    @property
    def resumed(self) -> bool:
        """Whether the group was given something before."""
        return bool(self._committed)

    def _begin(self, since_ms: int | None) -> None:
        self._consumer.assign(self._places)
        committed = {place: self._consumer.committed(place) for place in self._places} if self.keeps_place else {}
        self._committed: dict[Any, int] = {place: at for place, at in committed.items() if at is not None}
        begins = self._consumer.beginning_offsets(self._places)
        mine = [place for place in self._places if place.topic == self._name]
        asked = dict.fromkeys(mine, since_ms) if since_ms is not None and not self._committed else {}
        found = self._consumer.offsets_for_times(asked) if asked else {}
        self._ends = self._consumer.end_offsets(self._places)
        for place in self._places:
            start = begins[place]
            if place in asked:
                start = found[place].offset if found[place] is not None else self._ends[place]
            elif place in mine and place in self._committed:
                self.gone += max(0, start - self._committed[place])
                start = max(start, self._committed[place])
            self._consumer.seek(place, start)
        self._starts = {place: self._consumer.position(place) for place in self._places}

    def progress(self) -> tuple[int, int]:
        """Records read, and how many there are to read, by what is known of the ends."""
        read = sum(self._consumer.position(place) - start for place, start in self._starts.items())
        return read, read + self.lag()

    def lag(self) -> int:
        """How many records are still to be read, by what is known of the ends."""
        return sum(max(0, end - self._consumer.position(place)) for place, end in self._ends.items())

    def to_end(self) -> Iterator[list[Arrived]]:
        """Batches of what lay in the topics when this was made. Raises DependencyAway when the broker falls silent before."""
        with reading(self._name):
            behind, heard = self.lag(), time.monotonic()
            while behind:
                yield self._poll()
                before, behind = behind, self.lag()
                if behind != before:
                    heard = time.monotonic()
                elif time.monotonic() - heard > _SILENCE_SECONDS:
                    raise KafkaTimeoutError

    def follow(self) -> Iterator[list[Arrived]]:
        """Batches of what comes from where reading stopped, some of them empty; never ends."""
        with reading(self._name):
            while True:
                batch = self._poll()
                for place in self._places:
                    self._ends[place] = max(self._ends[place], self._consumer.highwater(place) or 0)
                yield batch

    def commit(self) -> None:
        """Keep the group's place after all that was given out, once that is where it shall be. Without a group: nothing."""
        if not self.keeps_place:
            return
        places = {place: OffsetAndMetadata(self._consumer.position(place), "", -1) for place in self._places}
        with reading(self._name):
            self._consumer.commit(places)

    def _poll(self) -> list[Arrived]:
        return [
            Arrived(
                deletion=place.topic != self._name, partition=place.partition, offset=record.offset, key=record.key,
                value=record.value, written_ms=record.timestamp, headers=tuple(record.headers),
                fresh=record.offset >= self._committed.get(place, 0),
            )
            for place, records in self._consumer.poll(timeout_ms=_POLL_MS).items()
            for record in records
        ]  # fmt: skip

"""What is looked at while the product runs for long: processes, Redis, topics, groups. One look is one `Sample`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import psutil
import redis
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from shared import broker
from shared.groups import group_of
from shared.settings import Settings
from shared.topics import DELETIONS, MENTIONS, OUTCOMES, POSTS, TOPICS, Topic

READ_BY: Mapping[str, tuple[Topic, ...]] = {"pipeline": (POSTS,), "alerting": (OUTCOMES, MENTIONS, DELETIONS)}


class Usage(msgspec.Struct, frozen=True):
    """Of a process and all that it started: resident bytes, open files, connections, threads."""

    memory: int
    files: int
    connections: int
    threads: int


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One look, `at` in seconds since the first. `topics`: records ever written; `lag`: unread records, by group.

    `keys`, `redis_memory` (bytes): of the instance's Redis. `sent`: posts that were written so far.
    """

    at: float
    processes: dict[str, Usage]
    keys: int
    redis_memory: int
    topics: dict[str, int]
    topic_bytes: dict[str, int]
    lag: dict[str, int]
    sent: int


def usage(pid: int) -> Usage | None:
    """Of a process with its children; None where it is gone."""
    total = [0, 0, 0, 0]
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return None
    for one in family:
        # A child may end while it is looked at.
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess), one.oneshot():
            found = (one.memory_info().rss, one.num_fds(), len(one.net_connections("all")), one.num_threads())
            total = [before + more for before, more in zip(total, found, strict=True)]
    return Usage(*total)


class Looker:
    """Looks at an instance; use as a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._names = {topic.name(settings.topic_prefix): topic.suffix for topic in TOPICS}
        self._admin: Any = broker.connect(settings, KafkaAdminClient)
        self._consumer: Any = broker.connect(settings, KafkaConsumer, group_id=None, enable_auto_commit=False)
        self._redis = redis.Redis.from_url(settings.require("redis_url"))
        self._places = [
            TopicPartition(topic.name(settings.topic_prefix), number)
            for topic in TOPICS
            for number in range(topic.partitions)
        ]
        self._began = time.monotonic()

    def __enter__(self) -> Looker:
        return self

    def __exit__(self, *exception: object) -> None:
        self._consumer.close()
        self._admin.close()
        self._redis.close()

    def look(self, pids: Mapping[str, int], sent: int) -> Sample:
        """One sample. Raises KafkaError or RedisError where one of them is away."""
        ends = self._consumer.end_offsets(self._places)
        records: dict[str, int] = {}
        for place, end in ends.items():
            suffix = self._names[place.topic]
            records[suffix] = records.get(suffix, 0) + end
        processes = {name: found for name, pid in pids.items() if (found := usage(pid)) is not None}
        return Sample(
            at=time.monotonic() - self._began,
            processes=processes,
            keys=sum(1 for _ in self._redis.scan_iter(match=f"{self._settings.redis_prefix}:*", count=5000)),
            redis_memory=int(self._redis.info("memory")["used_memory"]),
            topics=records,
            topic_bytes=self._bytes(),
            lag={service: self._lag(service, ends) for service in READ_BY},
            sent=sent,
        )

    def _bytes(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for answer in self._admin.describe_log_dirs():
            for folder in answer["log_dirs"]:
                for topic in folder["topics"]:
                    if (suffix := self._names.get(topic["name"])) is not None:
                        sizes = sum(one["partition_size"] for one in topic["partitions"])
                        found[suffix] = found.get(suffix, 0) + sizes
        return found

    def _lag(self, service: str, ends: Mapping[TopicPartition, int]) -> int:
        group = group_of(self._settings, service)
        offsets = broker.patiently(lambda: self._admin.list_group_offsets({group: None}))[group]
        names = {topic.name(self._settings.topic_prefix) for topic in READ_BY[service]}
        done = {place: max(0, at.offset) for place, at in offsets.items()}
        return sum(end - done.get(place, 0) for place, end in ends.items() if place.topic in names)


def write(path: Path, samples: list[Sample]) -> None:
    """One JSON object a line."""
    path.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in samples))

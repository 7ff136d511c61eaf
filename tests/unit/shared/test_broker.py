"""Kafka outside a worker: clients, and reading a topic."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from shared import broker
from shared.errors import DependencyAway
from shared.settings import load
from shared.topics import OUTCOMES


class Lying(NamedTuple):
    """A record as kafka-python gives it."""

    partition: int
    offset: int
    key: bytes = b"k"
    value: bytes | None = b"v"
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = 0


class Consumer:
    """Gives the polls it was told of, then nothing."""

    def __init__(self, ends: dict[int, int], polls: list[list[Lying]]) -> None:
        self._ends = ends
        self._polls = deque(polls)
        self._positions = dict.fromkeys(range(OUTCOMES.partitions), 0)

    def assign(self, places: list[Any]) -> None:
        assert len(places) == OUTCOMES.partitions

    def seek_to_beginning(self, *places: Any) -> None:
        assert len(places) == OUTCOMES.partitions

    def end_offsets(self, places: list[Any]) -> dict[Any, int]:
        return {place: self._ends.get(place.partition, 0) for place in places}

    def position(self, place: Any) -> int:
        return self._positions[place.partition]

    def poll(self, timeout_ms: int) -> dict[int, list[Lying]]:
        records = self._polls.popleft() if self._polls else []
        for record in records:
            self._positions[record.partition] = record.offset + 1
        return {0: records}

    def close(self) -> None:
        pass


def reader(monkeypatch: pytest.MonkeyPatch, consumer: Consumer) -> broker.TopicReader:
    monkeypatch.setattr(broker, "require_topics", lambda settings, topics: None)
    monkeypatch.setattr(broker, "connect", lambda settings, client, **options: consumer)
    return broker.TopicReader(load(), OUTCOMES)


def places(records: Any) -> list[tuple[int, int]]:
    return [(record.partition, record.offset) for record in records]


def test_a_topic_is_read_to_its_end_and_then_on_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    polls = [[Lying(0, 0)], [], [Lying(2, 0), Lying(0, 1)], [Lying(0, 2)]]
    with reader(monkeypatch, Consumer({0: 2, 2: 1}, polls)) as topic:
        assert places(topic.to_end()) == [(0, 0), (2, 0), (0, 1)]
        assert places(itertools.islice(topic.follow(), 1)) == [(0, 2)]


def test_a_broker_that_falls_silent_before_the_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "_SILENCE_SECONDS", 0.0)
    with reader(monkeypatch, Consumer({0: 2}, [[Lying(0, 0)]])) as topic:
        records = topic.to_end()
        assert next(records).offset == 0
        with pytest.raises(DependencyAway, match=r"outcomes cannot be read on"):
            next(records)


@pytest.mark.parametrize("client", [KafkaAdminClient, KafkaConsumer, KafkaProducer])
def test_where_no_broker_answers_nobody_goes_on_looking_for_one(client: Callable[..., Any]) -> None:
    before = set(threading.enumerate())
    with pytest.raises(KafkaError):
        broker.opened(client, bootstrap_servers="127.0.0.1:9", bootstrap_timeout_ms=100)
    assert set(threading.enumerate()) <= before

"""Looks at the ends of partitions every few seconds, in a thread: how much waits, and whether the broker answers.

A consumer that waits, for a server or with full hands, fetches nothing and learns of no new record: its own idea of the end stands
still just when people want to know it. So the broker is asked, one small request for all partitions.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from shared.broker import connect
from shared.errors import AdrwatchError
from shared.health import HEALTH
from shared.logs import logger
from shared.settings import Settings
from shared.topics import Topic

log = logger("worker")

KAFKA = "kafka"
KAFKA_FIX = "see that the broker runs and can be reached: ADRWATCH_KAFKA_BOOTSTRAP; nothing is lost meanwhile"
EVERY_SECONDS = 5.0
_ANSWER_MS = 5_000

Place = tuple[str, int]
# First and end offsets, by topic and partition.
Bounds = Mapping[Place, tuple[int, int]]


class BrokerWatch:
    """The thread. `places` says which partitions to ask about; `tell` is told their bounds, each time that the broker answers."""

    def __init__(
        self,
        settings: Settings,
        places: Callable[[], list[Place]],
        tell: Callable[[Bounds], None],
        *,
        needed: bool = True,
    ) -> None:
        self._settings = settings
        self._places = places
        self._tell = tell
        HEALTH.needs(KAFKA, KAFKA_FIX, needed=needed)

    def start(self) -> None:
        """Begin to look; it ends with the process."""
        threading.Thread(target=self._run, name="broker-watch", daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                self._look()
            except (KafkaError, AdrwatchError) as error:
                why = error.message if isinstance(error, AdrwatchError) else f"no answer: {type(error).__name__}"
                HEALTH.away(KAFKA, why)
            except Exception as error:  # noqa: BLE001 - the boundary of the thread: nothing hangs on what it sees
                log.error("the broker cannot be watched, trying again", error=type(error).__name__)
                HEALTH.away(KAFKA, f"it could not be asked: {type(error).__name__}")
            time.sleep(EVERY_SECONDS)

    def _look(self) -> None:
        consumer: Any = connect(
            self._settings, KafkaConsumer, group_id=None, enable_auto_commit=False, allow_auto_create_topics=False,
            request_timeout_ms=_ANSWER_MS,
        )  # fmt: skip
        with closing(consumer):
            while True:
                self._tell(_bounds(consumer, self._places()))
                HEALTH.answered(KAFKA)
                time.sleep(EVERY_SECONDS)


def _bounds(consumer: Any, places: list[Place]) -> Bounds:
    asked = [TopicPartition(*place) for place in places]
    ends = consumer.end_offsets(asked, timeout_ms=_ANSWER_MS)
    firsts = consumer.beginning_offsets(asked, timeout_ms=_ANSWER_MS)
    return {(one.topic, one.partition): (firsts[one], ends[one]) for one in asked}


def watch(
    settings: Settings, topic: Topic, tell: Callable[[Bounds], None] = lambda _bounds: None, *, needed: bool = True
) -> None:
    """Begin to watch the broker by the partitions of one topic, until the process ends."""
    places = [(topic.name(settings.topic_prefix), partition) for partition in range(topic.partitions)]
    BrokerWatch(settings, lambda: places, tell, needed=needed).start()

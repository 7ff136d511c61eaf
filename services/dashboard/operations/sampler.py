"""Looks at the ends of topics and at what groups have committed, every few seconds, in a thread: no worker is asked.

A round is three requests to the broker and some tens of small records, whatever flows.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from services.dashboard.operations.flow import At, Sample, Samples
from services.dashboard.operations.outcomes import Last, Recent, recent
from services.dashboard.view.state import State
from shared.broker import connect, require_topics
from shared.errors import BadMessage, DependencyAway, said
from shared.events import Outcome, decode
from shared.logs import logger
from shared.settings import Settings
from shared.topics import OUTCOMES, TOPICS

log = logger("operations")
EVERY_SECONDS = 5.0
# Of the hour before the dashboard began, one sample for each so many seconds.
_HINDSIGHT_SECONDS = 120
_HOUR_SECONDS = 3600
_OUTCOMES_EACH = 50
_POLL_MS = 1_000
_ANSWER_MS = 5_000
_FETCH_BYTES = 65_536


class Sampler:
    """The thread, and what it knows."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="operations", daemon=True)
        prefix = settings.topic_prefix
        self._places = {
            TopicPartition(topic.name(prefix), partition): At(topic.suffix, partition)
            for topic in TOPICS
            for partition in range(topic.partitions)
        }
        self._outcomes = [place for place, at in self._places.items() if at.topic == OUTCOMES.suffix]
        self._last: dict[TopicPartition, list[Last]] = {}
        self.samples = Samples()
        self.state = State("Kafka")

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self, seconds: float = 1.0) -> None:
        """End, and wait for that a moment: a broker that is away is waited for longer, and there is nothing to lose."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def recent(self) -> Recent:
        """What became of the last posts."""
        return recent([one for part in list(self._last.values()) for one in part])

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - the boundary of the thread: what is known stays on show
                away = error
                if isinstance(error, KafkaError):
                    away = DependencyAway(
                        f"Kafka at {self._settings.kafka_bootstrap} does not answer: {type(error).__name__}",
                        fix="see that it runs and is not stopped",
                    )
                if self.state.failed(away):
                    log.warning("topics cannot be looked at, trying again", error=said(error))
            self._stop.wait(self._settings.retry_most * random.uniform(0.5, 1.0))

    def _look(self) -> None:
        require_topics(self._settings, TOPICS)
        with ExitStack() as stack:
            consumer = connect(
                self._settings, KafkaConsumer, group_id=None, enable_auto_commit=False, auto_offset_reset="latest",
                allow_auto_create_topics=False, max_partition_fetch_bytes=_FETCH_BYTES, request_timeout_ms=_ANSWER_MS,
            )  # fmt: skip
            stack.callback(consumer.close)
            client = connect(self._settings, KafkaAdminClient, request_timeout_ms=_ANSWER_MS)
            stack.callback(client.close)
            # What was before an absence is asked for anew, with what was written meanwhile.
            self.samples.clear()
            self.samples.add(*self._hindsight(consumer))
            while not self._stop.is_set():
                ends = consumer.end_offsets(list(self._places))
                self.samples.add(Sample(time.time(), self._named(ends), self._committed(client)))
                self._read_outcomes(consumer, ends)
                self.state.worked()
                self._stop.wait(EVERY_SECONDS)

    def _hindsight(self, consumer: Any) -> list[Sample]:
        """The ends as they were in the hour before, by the times of records; without groups, whose past nobody keeps."""
        now = time.time()
        ends = consumer.end_offsets(list(self._places))
        found = []
        for ago in range(_HOUR_SECONDS, 0, -_HINDSIGHT_SECONDS):
            if self._stop.is_set():
                break
            at = now - ago
            firsts = consumer.offsets_for_times(dict.fromkeys(self._places, int(at * 1000)))
            offsets = {place: ends[place] if first is None else first.offset for place, first in firsts.items()}
            found.append(Sample(at, self._named(offsets)))
        return found

    def _committed(self, client: Any) -> dict[str, dict[At, int]]:
        """By group, without the prefix that all of an instance have."""
        prefix = f"{self._settings.topic_prefix}."
        groups = [one["group_id"] for one in client.list_groups() if one["group_id"].startswith(prefix)]
        found = client.list_group_offsets(dict.fromkeys(groups)) if groups else {}
        return {
            group.removeprefix(prefix): {self._places[place]: one.offset for place, one in offsets.items() if place in self._places}
            for group, offsets in found.items()
        }  # fmt: skip

    def _read_outcomes(self, consumer: Any, ends: Mapping[TopicPartition, int]) -> None:
        """The last outcomes of each partition; the time of a record is when its outcome was written."""
        for place in self._outcomes:
            if not ends[place]:
                continue
            consumer.assign([place])
            consumer.seek(place, max(0, ends[place] - _OUTCOMES_EACH))
            records = consumer.poll(timeout_ms=_POLL_MS, max_records=_OUTCOMES_EACH).get(place, [])
            self._last[place] = [one for record in records if (one := _last(record)) is not None]

    def _named(self, offsets: Mapping[TopicPartition, int]) -> dict[At, int]:
        return {self._places[place]: offset for place, offset in offsets.items()}


def _last(record: Any) -> Last | None:
    try:
        outcome = decode(record.value, Outcome)
    except BadMessage:
        return None
    return Last(outcome.status.partition(":")[0], record.timestamp / 1000 - outcome.created_at.timestamp())

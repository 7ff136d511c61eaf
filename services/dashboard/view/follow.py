"""Keeps the file of mentions up with its topics, in a thread with one consumer and no group.

Where the file belongs to other topics than those that are there, or the topics have let go of what it had not read yet, it is
emptied and made anew. Kafka away: pages go on with what is there, and the thread tries again.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from services.dashboard.view.delays import DAY_MS
from services.dashboard.view.mentions import Found, Mentions, Read
from services.dashboard.view.state import State
from shared.broker import admin, connect, describe, require_topics
from shared.errors import AdrwatchError, BadMessage, DependencyAway
from shared.events import Alert, Deletion, Event, Mention, decode
from shared.forgetting import version_of
from shared.logs import logger
from shared.settings import Settings
from shared.signals.windows import to_ms
from shared.topics import ALERTS, DELETION_HEADER, DELETIONS, MENTIONS, POSTS

log = logger("mentions")
E_ = TypeVar("E_", bound=Event)
_TOPICS = (DELETIONS, POSTS, MENTIONS, ALERTS)
_POLL_MS = 500
_ASK_MS = 5_000
_MOST_RECORDS = 2_000
# How often the ends of topics are asked for, and their beginnings.
_LOOK_SECONDS = 1.0
_TIDY_SECONDS = 600.0


class _Arrival(msgspec.Struct):
    """What is read of a post."""

    ingested_at: datetime


_arrival = msgspec.json.Decoder(_Arrival).decode


class Follower:
    """The thread."""

    def __init__(self, settings: Settings, mentions: Mentions) -> None:
        self._settings = settings
        self._mentions = mentions
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mentions", daemon=True)
        self._suffix = {topic.name(settings.topic_prefix): topic.suffix for topic in _TOPICS}
        self.state = State("mentions")

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def close(self, seconds: float = 5.0) -> None:
        """End, and wait for that."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        pause = self._settings.retry_first
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._follow()
            except Exception as error:  # noqa: BLE001 - the boundary of the thread: what is known stays on show
                away = error
                if isinstance(error, KafkaError):
                    away = DependencyAway(
                        f"Kafka does not answer: topics cannot be read on ({type(error).__name__})",
                        fix="see that it runs and is not stopped",
                    )
                elif isinstance(error, sqlite3.Error):
                    away = AdrwatchError(
                        f"the file of mentions cannot be written: {type(error).__name__}",
                        fix="see that ADRWATCH_DATA_DIR can be written to and has room",
                    )
                if self.state.failed(away):
                    log.warning("mentions cannot be followed, trying again", error=self._message())
            # One that ran for a while has not failed at once again and again.
            if time.monotonic() - began > self._settings.retry_most:
                pause = self._settings.retry_first
            self._stop.wait(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, self._settings.retry_most)

    def _message(self) -> str:
        return self.state.trouble.message if self.state.trouble is not None else ""

    def _follow(self) -> None:
        require_topics(self._settings, _TOPICS)
        origin = _origin(self._settings)
        consumer: Any = connect(
            self._settings, KafkaConsumer, group_id=None, enable_auto_commit=False, auto_offset_reset="none",
            allow_auto_create_topics=False, max_poll_records=_MOST_RECORDS,
        )  # fmt: skip
        try:
            places = [
                TopicPartition(topic.name(self._settings.topic_prefix), partition)
                for topic in _TOPICS
                for partition in range(topic.partitions)
            ]
            consumer.assign(places)
            self._take_up(consumer, places, origin)
            self._read(consumer, places)
        finally:
            with suppress(KafkaError):
                consumer.close()

    def _take_up(self, consumer: Any, places: list[TopicPartition], origin: str) -> None:
        """Go to where the file ends, or to the beginning with an empty one."""
        positions = self._positions(places)
        firsts, ends = consumer.beginning_offsets(places, _ASK_MS), consumer.end_offsets(places, _ASK_MS)
        known = self._mentions.origin()
        fits = known == origin and all(firsts[one] <= at <= ends[one] for one, at in positions.items())
        if not fits:
            if known is not None:
                log.warning("the file of mentions does not fit the topics and is made anew")
            self._mentions.begin(origin)
            positions = firsts | self._of_today(consumer, places, ends)
        for place in places:
            consumer.seek(place, positions[place])

    def _of_today(self, consumer: Any, places: Iterable[TopicPartition], ends: Any) -> dict[TopicPartition, int]:
        """Where the alerts of the last day begin: of older ones nothing is kept here."""
        since = int(time.time() * 1000) - DAY_MS
        times = {place: since for place in places if self._suffix[place.topic] == ALERTS.suffix}
        found = consumer.offsets_for_times(times)
        return {place: ends[place] if found[place] is None else found[place].offset for place in times}

    def _positions(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        known = self._mentions.positions()
        return {place: known.get((self._suffix[place.topic], place.partition), 0) for place in places}

    def _read(self, consumer: Any, places: list[TopicPartition]) -> None:
        looked = tidied = float("-inf")
        ends: dict[TopicPartition, int] = {}
        alerts = [one for one in places if self._suffix[one.topic] == ALERTS.suffix]
        others = [one for one in places if one not in alerts]
        consumer.pause(*alerts)
        while not self._stop.is_set():
            found = consumer.poll(timeout_ms=_POLL_MS, max_records=_MOST_RECORDS)
            read = Read()
            for place, records in found.items():
                for record in records:
                    _take(self._suffix[place.topic], record, read)
            positions = {place: consumer.position(place, timeout_ms=_ASK_MS) for place in places}
            read.positions.extend((self._suffix[place.topic], place.partition, at) for place, at in positions.items())
            if found or not ends:
                self._mentions.take(read)
            moment = time.monotonic()
            if moment - looked >= _LOOK_SECONDS:
                # A broker that is away lets polls come back empty for ever: this is what notices.
                ends, looked = consumer.end_offsets(places, _ASK_MS), moment
            if moment - tidied >= _TIDY_SECONDS:
                for place, first in consumer.beginning_offsets(places, _ASK_MS).items():
                    self._mentions.let_go(self._suffix[place.topic], place.partition, first)
                self._mentions.let_go_of_delays(int(time.time() * 1000) - DAY_MS)
                tidied = moment
            behind = sum(max(0, ends[place] - positions[place]) for place in others)
            # An alert is measured by its post: what came before it is read first.
            (consumer.pause if behind else consumer.resume)(*alerts)
            self.state.worked(behind)


def _origin(settings: Settings) -> str:
    """Which cluster and topics these are: a topic that was made anew has another id."""
    with admin(settings) as client:
        cluster = client.describe_cluster()
        found = describe(client, [topic.name(settings.topic_prefix) for topic in _TOPICS])
    return " ".join((str(cluster["cluster_id"]), *(f"{name}={found[name]['topic_id']}" for name in sorted(found))))


def _take(suffix: str, record: Any, read: Read) -> None:
    """One record, into what was read. One that is no event of its topic is left out: its consumers' dead letters have it."""
    name = (record.key or b"").decode(errors="replace")
    if suffix == MENTIONS.suffix:
        mention = _decoded(record.value, Mention)
        if mention is not None or record.value is None:
            name = name if mention is None else mention.id
            version = version_of(record.headers, record.timestamp)
            read.mentions.append(Found(record.partition, record.offset, name, version, mention))
            read.written[name] = record.timestamp
    elif suffix == ALERTS.suffix:
        if (alert := _decoded(record.value, Alert)) is not None and alert.examples:
            read.alerts.append((record.timestamp, alert))
    elif suffix == DELETIONS.suffix:
        # The place of an edited post goes with its tombstone, in the order of adr.posts.
        deletion = _decoded(record.value, Deletion)
        if deletion is not None and deletion.edited:
            read.edited.append((deletion.id, record.timestamp))
        elif deletion is not None:
            read.gone.append(deletion.id)
    elif record.value is not None:
        read.posts.append((name, record.partition, record.offset))
        with suppress(msgspec.MsgspecError, UnicodeDecodeError):
            read.arrived[name] = to_ms(_arrival(record.value).ingested_at)
    else:
        read.posts.append((name, record.partition, None))
        # Without it only the text was forgotten.
        headers = dict(record.headers)
        if DELETION_HEADER in headers:
            deletion = _decoded(headers[DELETION_HEADER], Deletion)
            if deletion is None or not deletion.edited:
                read.gone.append(name)


def _decoded(value: bytes | None, kind: type[E_]) -> E_ | None:
    try:
        return decode(value, kind)
    except BadMessage:
        return None

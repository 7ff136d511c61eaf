"""The text of some posts, read from adr.posts when somebody asks, by the place that the file of mentions knows. Nothing is kept.

Consumers are few and stay connected. Whoever asks waits for a bounded time, whatever the broker does.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from enum import StrEnum
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from services.dashboard.view.mentions import Mentions, Place
from services.dashboard.view.state import State
from shared.broker import connect
from shared.errors import BadMessage, DependencyAway
from shared.events import Post, decode
from shared.settings import Settings
from shared.topics import POSTS

# So many pages of posts are read side by side; each post takes some milliseconds.
CONSUMERS = 4
PATIENCE_SECONDS = 2.0
# Of one fetch: a post is far smaller, and what comes after it is thrown away.
_FETCH_BYTES = 32_768
_FETCH_WAIT_MS = 50
_POLL_MS = 200


class Missing(StrEnum):
    """Why there is no text."""

    KEPT_NO_LONGER = "no longer kept"
    TAKEN_BACK = "taken back"
    AGGREGATES_ONLY = "only aggregates may be kept"
    NOT_READ_YET = "not read yet"
    DELETIONS_UNKNOWN = "deletions are not known at present"
    NO_ANSWER = "Kafka does not answer"


class Shown(NamedTuple):
    """A post with its masked text, or why there is none."""

    post: Post | None
    missing: Missing | None


class Texts:
    """Reads texts. Any thread may ask."""

    def __init__(self, settings: Settings, mentions: Mentions, following: State) -> None:
        self._settings = settings
        self._mentions = mentions
        self._following = following
        self._topic = POSTS.name(settings.topic_prefix)
        self._free: SimpleQueue[Any] = SimpleQueue()
        self._workers = ThreadPoolExecutor(CONSUMERS, thread_name_prefix="texts")

    def close(self) -> None:
        """Close the connections."""
        self._workers.shutdown(wait=False, cancel_futures=True)
        with suppress(Empty):
            while True:
                self._free.get_nowait().close()

    def of(self, posts: Iterable[str], patience: float = PATIENCE_SECONDS) -> dict[str, Shown]:
        """Each post's text, or why it is missing; after `patience` seconds at the latest."""
        found: dict[str, Shown] = {}
        places: dict[str, Place] = {}
        for post in dict.fromkeys(posts):
            known = self._known(post)
            if isinstance(known, Place):
                places[post] = known
            else:
                found[post] = Shown(None, known)
        if places:
            found |= self._read(places, time.monotonic() + patience)
        return found

    def _known(self, post: str) -> Place | Missing:
        if self._mentions.taken_back(post):
            return Missing.TAKEN_BACK
        if self._following.away:
            return Missing.DELETIONS_UNKNOWN
        if any(mention.aggregates_only for mention in self._mentions.of_post(post)):
            return Missing.AGGREGATES_ONLY
        place = self._mentions.place(post)
        if place is not None:
            return place
        return Missing.KEPT_NO_LONGER if self._following.caught_up.is_set() else Missing.NOT_READ_YET

    def _read(self, places: dict[str, Place], deadline: float) -> dict[str, Shown]:
        """By one consumer, in the order of their places: more of them would only wait for one another to decode batches."""
        items = sorted(places.items(), key=lambda item: item[1])
        answer: Future[dict[str, Shown]] = self._workers.submit(self._part, items, deadline)
        try:
            found = answer.result(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            answer.cancel()
            found = {}
        return {post: found.get(post, Shown(None, Missing.NO_ANSWER)) for post in places}

    def _part(self, items: Sequence[tuple[str, Place]], deadline: float) -> dict[str, Shown]:
        found: dict[str, Shown] = {}
        consumer: Any = None
        try:
            for post, place in items:
                if time.monotonic() >= deadline:
                    break
                if consumer is None:
                    consumer = self._consumer()
                found[post] = self._one(consumer, post, place, deadline)
                if found[post].missing is Missing.NO_ANSWER:
                    break
        except (KafkaError, DependencyAway):
            # Whoever waits hears that there was no answer; what went wrong with the broker is said by the thread that follows.
            self._let_go(consumer)
            return found
        if consumer is not None:
            self._free.put(consumer)
        return found

    def _one(self, consumer: Any, post: str, place: Place, deadline: float) -> Shown:
        at = TopicPartition(self._topic, place.partition)
        if consumer.assignment() != {at}:
            consumer.assign([at])
        consumer.seek(at, place.offset)
        while (left := deadline - time.monotonic()) > 0:
            for record in consumer.poll(timeout_ms=min(_POLL_MS, int(left * 1000) + 1), max_records=1).get(at, ()):
                return self._shown(record, post, place)
            # Where nothing is left at or after the place, reading goes on at the topic's beginning.
            if consumer.position(at, timeout_ms=_POLL_MS) != place.offset:
                return Shown(None, Missing.KEPT_NO_LONGER)
        return Shown(None, Missing.NO_ANSWER)

    def _shown(self, record: Any, post: str, place: Place) -> Shown:
        # Compaction and retention leave gaps: then the next record comes.
        if record.offset != place.offset or record.key != post.encode():
            return Shown(None, Missing.KEPT_NO_LONGER)
        try:
            found = decode(record.value, Post)
        except BadMessage:
            return Shown(None, Missing.KEPT_NO_LONGER)
        if found.aggregates_only:
            return Shown(None, Missing.AGGREGATES_ONLY)
        # It may have been taken back while it was read.
        return Shown(None, Missing.TAKEN_BACK) if self._mentions.taken_back(post) else Shown(found, None)

    def _consumer(self) -> Any:
        try:
            return self._free.get_nowait()
        except Empty:
            return connect(
                self._settings, KafkaConsumer, group_id=None, enable_auto_commit=False, auto_offset_reset="earliest",
                allow_auto_create_topics=False, max_partition_fetch_bytes=_FETCH_BYTES, fetch_max_bytes=_FETCH_BYTES,
                fetch_max_wait_ms=_FETCH_WAIT_MS,
            )  # fmt: skip

    @staticmethod
    def _let_go(consumer: Any) -> None:
        if consumer is not None:
            with suppress(KafkaError):
                consumer.close()

"""Latency from a post to its first mention and to its outcome, while posts come at a constant rate."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from services.ingest.producer import delivery
from services.ingest.publish import post_message
from shared import broker
from shared.errors import AdrwatchError
from shared.events import Mention, Post, decode
from shared.settings import Settings
from shared.topics import MENTIONS, OUTCOMES
from tests.benchmarks.results import Latency, quantiles

# Nothing new for so many seconds: the posts that are missing will not come any more.
STANDSTILL = 60.0
_GIVE_UP = 60.0
_POLL_MS = 200


class Arrivals(threading.Thread):
    """Reads adr.mentions and adr.outcomes from now on, and notes when each post first turns up in each."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(name="arrivals", daemon=True)
        self.mentions: dict[str, float] = {}
        self.outcomes: dict[str, float] = {}
        self.failure: KafkaError | None = None
        self._ended = threading.Event()
        self._mentions = MENTIONS.name(settings.topic_prefix)
        self._consumer: Any = broker.connect(settings, KafkaConsumer, group_id=None, enable_auto_commit=False)
        names = {topic.name(settings.topic_prefix): topic.partitions for topic in (MENTIONS, OUTCOMES)}
        places = [TopicPartition(name, number) for name, count in names.items() for number in range(count)]
        self._consumer.assign(places)
        self._consumer.seek_to_end(*places)
        # Where the end is, is only asked for with the first position.
        for place in places:
            self._consumer.position(place)

    def run(self) -> None:
        try:
            while not self._ended.is_set():
                polled = self._consumer.poll(timeout_ms=_POLL_MS)
                moment = time.monotonic()
                for place, records in polled.items():
                    for record in records:
                        self._note(place.topic, record, moment)
        except KafkaError as error:
            self.failure = error
        finally:
            self._consumer.close()

    def _note(self, topic: str, record: Any, moment: float) -> None:
        if topic == self._mentions:
            self.mentions.setdefault(decode(record.value, Mention).post_id, moment)
        else:
            self.outcomes.setdefault(record.key.decode(), moment)

    def end(self) -> None:
        """Stop reading."""
        self._ended.set()
        self.join()


def measure(settings: Settings, posts: Iterable[Post], rate: float) -> Latency:
    """Send the posts, `rate` a second, each when it is due, and wait for all outcomes.

    Sent as ingest sends, its producer's wait for company included. Raises AdrwatchError if a post gets no outcome.
    """
    arrivals = Arrivals(settings)
    arrivals.start()
    try:
        sent = _send(settings, posts, rate)
        _wait(arrivals, sent)
    finally:
        arrivals.end()
    return summary(sent, arrivals.mentions, arrivals.outcomes)


def _send(settings: Settings, posts: Iterable[Post], rate: float) -> dict[str, float]:
    sent: dict[str, float] = {}
    with delivery(settings, _GIVE_UP) as outgoing:
        begun = time.monotonic()
        for number, post in enumerate(posts):
            time.sleep(max(0.0, begun + number / rate - time.monotonic()))
            message = post_message(post, settings.topic_prefix)
            sent[post.id] = time.monotonic()
            outgoing.send(message, lambda: None)
        outgoing.finish()
    if outgoing.failed or outgoing.in_flight:
        raise AdrwatchError(f"the broker did not take every post: {dict(outgoing.failed)}", fix="see the broker's log")
    return sent


def _wait(arrivals: Arrivals, sent: dict[str, float]) -> None:
    seen, moved = -1, time.monotonic()
    while len(arrivals.outcomes) < len(sent):
        if arrivals.failure is not None:
            raise AdrwatchError(f"results cannot be read on: {type(arrivals.failure).__name__}", fix="see Kafka's log")
        if len(arrivals.outcomes) > seen:
            seen, moved = len(arrivals.outcomes), time.monotonic()
        if time.monotonic() - moved > STANDSTILL:
            raise AdrwatchError(
                f"{len(sent) - seen} of {len(sent)} posts have no outcome, and nothing moves",
                fix="see the workers' logs",
            )
        time.sleep(0.05)


def summary(sent: dict[str, float], mentions: dict[str, float], outcomes: dict[str, float]) -> Latency:
    """Quantiles of arrival minus sending, over the posts that were sent here."""
    return Latency(
        sent=len(sent),
        seconds=max(sent.values()) - min(sent.values()),
        mention=quantiles(_times(sent, mentions)),
        outcome=quantiles(_times(sent, outcomes)),
    )


def _times(sent: dict[str, float], arrived: dict[str, float]) -> Sequence[float]:
    return [arrived[post] - moment for post, moment in sent.items() if post in arrived]

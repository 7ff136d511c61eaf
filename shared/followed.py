"""What a small topic of one partition says now, in a process that goes on for weeks.

A thread looks at the topic every second and hands over what it says whenever that has changed. Every connection reads the topic
from its beginning, so that one that was made anew is followed too.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import tenacity
from kafka.errors import KafkaError

from shared import logs
from shared.broker import TopicReader
from shared.errors import BadMessage, DependencyAway, passes
from shared.settings import Settings
from shared.topics import Topic

log = logs.logger("topics")

_LOOK_SECONDS = 1.0
T = TypeVar("T")
# Takes one record into what was found so far, by key. Raises BadMessage.
Take = Callable[[dict[str, T], str, bytes | None], None]


def read(settings: Settings, topic: Topic, take: Take[T]) -> dict[str, T]:
    """What the topic says now. Raises what TopicReader raises."""
    found: dict[str, T] = {}
    with TopicReader(settings, topic) as reader:
        _catch_up(reader, topic, take, found)
    return found


class Followed(Generic[T]):
    """Calls `use` with all that the topic says, at first and whenever it has changed, until `stop` is set."""

    def __init__(
        self,
        settings: Settings,
        topic: Topic,
        take: Take[T],
        use: Callable[[dict[str, T]], None],
        stop: threading.Event,
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._take = take
        self._give = use
        self._stop = stop
        self._found: dict[str, T] = {}

    def start(self) -> None:
        """Wait for the broker and for what the topic says now, then follow it. Raises AdrwatchError where there is no topic.

        Raises DependencyAway where it is told to stop before the broker answers.
        """
        name = self._topic.suffix
        insisting = tenacity.Retrying(
            retry=tenacity.retry_if_exception(passes),
            wait=tenacity.wait_random_exponential(self._settings.retry_first, self._settings.retry_most),
            sleep=tenacity.sleep_using_event(self._stop),
            stop=tenacity.stop_when_event_set(self._stop),
            before_sleep=lambda state: log.warning(
                "waiting for a topic",
                topic=name,
                attempt=state.attempt_number,
                error=str(state.outcome and state.outcome.exception()),
            ),
            reraise=True,
        )
        self._use(insisting(read, self._settings, self._topic, self._take))
        threading.Thread(target=self._follow, name=f"follows {name}", daemon=True).start()

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - the boundary of the thread: what was said before stays in force
                away = isinstance(error, DependencyAway | KafkaError)
                note = log.warning if away else log.error
                note("a topic cannot be followed, trying again", topic=self._topic.suffix,
                     error=f"{type(error).__name__}: {error}")  # fmt: skip
                self._stop.wait(self._settings.retry_most * random.uniform(0.5, 1.0))

    def _look(self) -> None:
        found: dict[str, T] = {}
        with TopicReader(self._settings, self._topic) as reader:
            while not self._stop.is_set():
                _catch_up(reader, self._topic, self._take, found)
                if found != self._found:
                    self._use(dict(found))
                self._stop.wait(_LOOK_SECONDS)

    def _use(self, found: dict[str, T]) -> None:
        self._found = found
        self._give(found)


def _catch_up(reader: TopicReader, topic: Topic, take: Take[T], found: dict[str, T]) -> None:
    for record in reader.to_end():
        try:
            take(found, (record.key or b"").decode(errors="replace"), record.value)
        except BadMessage as error:
            log.warning("a record cannot be read", topic=topic.suffix, offset=record.offset, error=error.message)

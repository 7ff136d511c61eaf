"""Delivers the parcels of a source, in the order of steps that `follow` states; waits for a broker that is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import tenacity
from kafka.errors import KafkaError
from msgspec.structs import replace

from services.ingest.delete import take_back, tombstones
from services.ingest.letters import Letters
from services.ingest.networks.known import Known
from services.ingest.networks.parcel import Parcel
from services.ingest.networks.taken_back import TakenBack
from services.ingest.publish import STAGE
from shared import metrics
from shared.broker import ANSWER_SECONDS
from shared.errors import AdrwatchError
from shared.events import Published, TextsForgotten, encode, now
from shared.health import HEALTH
from shared.logs import logger
from shared.settings import Settings
from shared.stream import Output
from shared.topics import DAY_MS, POSITIONS, POSTS, PUBLISHED
from shared.writer import Writer

log = logger("sources")

# How often texts that are too old are looked for, and dead letters of posts that were taken back before.
_TIDY_SECONDS = 600.0


class Courier:
    """`text_days`: texts that are older are forgotten; `seal_days`: so are encrypted ids of posts."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        known: Known,
        stop: threading.Event,
        text_days: float | None,
        seal_days: float | None,
    ) -> None:
        self._name = name
        self._settings = settings
        self._known = known
        self._stop = stop
        self._stage = f"source-{name}"
        self._writer = Writer(settings, ANSWER_SECONDS)
        self._letters = Letters(settings, name)
        self._taken_back = TakenBack(settings, name)
        self._text_days = text_days
        self._seal_days = seal_days
        self._tidied = 0.0
        # What was last forgotten, also by a process before this one: every position says it.
        self.forgotten: TextsForgotten | None = None

    def deliver(self, parcel: Parcel) -> None:
        """Steps 2 to 4. Raises AdrwatchError or KafkaError only while stopping."""
        HEALTH.turning()
        if parcel.outputs:
            self.insist(lambda: self._writer.write(parcel.outputs))
            metrics.RECORDS_OUT.labels(STAGE, POSTS.suffix).inc(parcel.posts)
        if parcel.gone:
            self.insist(lambda: self._take_back(parcel))
        position = replace(parcel.position, written_at=now(), forgotten=self.forgotten)
        self.insist(lambda: self._writer.write([Output(POSITIONS, self._name, encode(position))]))
        metrics.DEPENDENCY_UP.labels(self._stage).set(position.error is None)
        if position.reached is not None:
            late = (position.written_at - position.reached).total_seconds()
            metrics.SOURCE_LAG.labels(self._name).set(max(0.0, late))

    def tidy(self) -> None:
        """Forget what the source may not keep any longer, every ten minutes. Raises as `deliver` does."""
        if time.time() - self._tidied > _TIDY_SECONDS:
            self.insist(self._forget_late_letters)
            self.insist(self._forget_texts)
            self.insist(self._forget_seals)
            self._tidied = time.time()

    def insist(self, call: Callable[[], None]) -> None:
        """Call until it works; while stopping, once. Raises what it raises then."""
        tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((AdrwatchError, KafkaError)),
            wait=tenacity.wait_random_exponential(self._settings.retry_first, self._settings.retry_most),
            sleep=tenacity.sleep_using_event(self._stop),
            stop=tenacity.stop_when_event_set(self._stop),
            before_sleep=self._note_retry,
            reraise=True,
        )(call)

    def close(self) -> None:
        """Let the connections go."""
        self._writer.close()
        self._letters.close()

    def _take_back(self, parcel: Parcel) -> None:
        self._letters.catch_up()
        take_back(parcel.gone, self._letters, self._writer.write, parcel.aliases)

    def _forget_late_letters(self) -> None:
        """The deletion of a post has looked for its letters before a pipeline that was behind has written one."""
        self._taken_back.catch_up()
        self._letters.catch_up()
        self._writer.write(self._letters.tombstones(self._taken_back.out_of(self._letters.posts, self._known)))

    def _forget_texts(self) -> None:
        if self._text_days is None:
            self.forgotten = None
            return
        before_ms = _days_ago_ms(self._text_days)
        # What was counted of the posts stays: this is no deletion.
        posts = self._known.with_text_from_before(before_ms)
        outputs = [one for post in posts for one in tombstones(post)]
        self._letters.catch_up()
        letters = list(self._letters.with_text_from_before(before_ms))
        self._writer.write(outputs + letters)
        self._known.text_gone(posts, before_ms)
        oldest = self._known.oldest_text()
        self.forgotten = TextsForgotten(now(), len(posts) + len(letters), oldest)
        metrics.TEXTS_FORGOTTEN.labels(self._name).inc(len(posts) + len(letters))
        metrics.TEXTS_LOOKED_AT.labels(self._name).set(self.forgotten.at.timestamp())
        metrics.OLDEST_TEXT.labels(self._name).set(oldest.timestamp() if oldest is not None else 0)

    def _forget_seals(self) -> None:
        if self._seal_days is None:
            return
        before_ms = _days_ago_ms(self._seal_days)
        notes = [Published(id=one.id, author=one.author) for one in self._known.sealed(before_ms)]
        self._writer.write([Output(PUBLISHED, note.id, encode(note)) for note in notes])
        self._known.unsealed((note.id for note in notes), before_ms)

    def _note_retry(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        HEALTH.turning()
        metrics.RETRIES.labels(self._stage).inc()
        metrics.DEPENDENCY_UP.labels(self._stage).set(0)
        log.warning(
            "the broker is away, trying again", source=self._name, attempt=state.attempt_number, error=str(error)
        )


def _days_ago_ms(days: float) -> int:
    return int(time.time() * 1000) - int(days * DAY_MS)

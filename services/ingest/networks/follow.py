"""The frame of every live source: follows a network for weeks, and keeps in Kafka how far it has come.

Order of steps, each repeatable:

1. items are read into a batch; reading pauses while the next steps last, and the network is not read faster than Kafka takes;
2. posts, notes that they are published, and dead letters are written, and the acknowledgement of each is awaited;
3. what was deleted at the network is taken back: deletions first, then tombstones;
4. only then the position is written. A crash at any point goes on from the position before, and repeats what came after it
   under the same ids.

A network that breaks off is tried again with back-off and jitter, from the position on; Kafka that is away is waited for.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import Literal

import tenacity
from kafka.errors import KafkaError

from services.ingest.delete import take_back
from services.ingest.networks import positions
from services.ingest.networks.batch import Batch
from services.ingest.networks.network import Item, Network
from services.ingest.networks.texts import outdated
from services.ingest.publish import STAGE
from services.ingest.source import Reject, SourceBroken
from shared import metrics
from shared.errors import AdrwatchError, DependencyAway
from shared.events import Position, Published, encode, now
from shared.logs import logger
from shared.settings import Settings
from shared.stream import Output
from shared.topics import POSITIONS, POSTS
from shared.writer import Writer

log = logger("sources")

_PATIENCE_SECONDS = 15.0
# Posts wait this long for company; without any, the position is written this often, which also says that the source lives.
_POSTS_SECONDS = 1.0
_IDLE_SECONDS = 5.0
_MOST_WAITING = 500
# Networks as large as these never are silent for so long: what lies between is missing.
_GAP_SECONDS = 300.0
# A connection that lasted is no reason to be slower with the next one.
_STEADY_SECONDS = 60.0
# How often texts that are too old are looked for.
_TIDY_SECONDS = 600.0

State = Literal["running", "waiting", "stopped"]


class Follower:
    """Follows one source until `stop` is set; `run` is its thread. `text_days`: texts that are older are forgotten."""

    def __init__(
        self,
        name: str,
        network: Network,
        batch: Batch,
        settings: Settings,
        stop: threading.Event,
        text_days: float | None,
    ) -> None:
        self.name = name
        self._network = network
        self._batch = batch
        self._known = batch.known
        self._settings = settings
        self._stop = stop
        self._writer = Writer(settings, _PATIENCE_SECONDS)
        self._stage = f"source-{name}"
        self._last = Position(source=name, cursor=None, reached=None, written_at=now(), state="waiting")
        self._text_days = text_days
        self._tidied = 0.0
        self._settled = time.monotonic()
        self._events = 0
        self._posts = 0
        self._reconnects = 0

    def run(self) -> None:
        """Follow until told to stop. Network and broker may be away for any time."""
        failures = 0
        try:
            self._insist(self._take_up)
            while not self._stop.is_set():
                began = time.monotonic()
                try:
                    self._follow()
                except SourceBroken as trouble:
                    failures = 0 if time.monotonic() - began > _STEADY_SECONDS else failures + 1
                    self._reconnects += 1
                    metrics.SOURCE_RECONNECTS.labels(self.name).inc()
                    log.warning("a source broke off, trying again", source=self.name, error=trouble.message)
                    self._settle("waiting", trouble.message)
                    self._stop.wait(self._pause(failures))
            self._settle("stopped")
            log.info("a source stops", source=self.name, position=self._last.cursor)
        except (AdrwatchError, KafkaError) as error:
            if not self._stop.is_set():
                raise
            # What was not acknowledged lies after the position, and comes again.
            log.warning("a source stops without the broker", source=self.name, error=type(error).__name__)
        finally:
            self._writer.close()
            self._known.close()

    def _take_up(self) -> None:
        self._known.catch_up(self._settings)
        self._last = positions.read(self._settings).get(self.name, self._last)
        log.info("a source goes on", source=self.name, position=self._last.cursor)

    def _follow(self) -> None:
        """One connection, until it breaks (SourceBroken) or `stop` is set."""
        before, resumed = self._last.reached, self._last.cursor is not None
        with closing(self._network.follow(self._last.cursor)) as items:
            for item in items:
                if item is not None:
                    self._take(item)
                    if resumed and self._network.reached not in (None, before):
                        resumed = False
                        self._look_for_gap(before, self._network.reached)
                waited = time.monotonic() - self._settled
                if (
                    waited > _IDLE_SECONDS
                    or (self._batch and waited > _POSTS_SECONDS)
                    or len(self._batch) > _MOST_WAITING
                ):
                    self._settle("running")
                if self._stop.is_set():
                    return

    def _take(self, item: Item) -> None:
        kind = self._batch.take(item)
        self._events += 1
        metrics.SOURCE_EVENTS.labels(self.name, kind).inc()
        if isinstance(item, Reject):
            log.warning("a source sent what cannot be read", source=self.name, reason=item.reason, detail=item.detail)

    def _look_for_gap(self, before: datetime | None, after: datetime | None) -> None:
        gap = (after - before).total_seconds() if before and after else 0.0
        if gap > _GAP_SECONDS:
            metrics.SOURCE_GAP.labels(self.name).inc(gap)
            log.warning(
                "the network had nothing left from a time before", source=self.name, begin=str(before), end=str(after)
            )

    def _settle(self, state: State, error: str | None = None) -> None:
        """Steps 2 to 4. Raises DependencyAway only while stopping."""
        batch = self._batch
        if batch:
            self._insist(lambda: self._writer.write(batch.outputs()))
            published = [Published(id=post.id, author=post.author) for post in batch.posts.values()]
            self._known.add(published, int(time.time() * 1000))
            metrics.RECORDS_OUT.labels(STAGE, POSTS.suffix).inc(len(batch.posts))
            for reject in batch.rejects:
                metrics.DEAD_LETTERS.labels(STAGE, reject.reason).inc()
            if batch.gone:
                self._insist(lambda: self._take_back(list(batch.gone)))
            self._posts += len(batch.posts)
            batch.clear()
        if self._text_days is not None and time.time() - self._tidied > _TIDY_SECONDS:
            self._insist(self._forget_texts)
            self._tidied = time.time()
        at, last = now(), self._last
        position = Position(
            source=self.name,
            cursor=self._network.cursor or last.cursor,
            reached=self._network.reached or last.reached,
            written_at=at,
            state=state,
            per_second=round(self._events / max(0.001, time.monotonic() - self._settled), 1),
            posts=self._posts,
            reconnects=self._reconnects,
            error=error,
            since=(last.since if last.error else at) if error else None,
        )
        self._insist(lambda: self._writer.write([Output(POSITIONS, self.name, encode(position))]))
        self._last, self._events, self._settled = position, 0, time.monotonic()
        metrics.DEPENDENCY_UP.labels(self._stage).set(error is None)
        if position.reached is not None:
            metrics.SOURCE_LAG.labels(self.name).set(max(0.0, (at - position.reached).total_seconds()))

    def _take_back(self, ids: list[str]) -> None:
        account = take_back(self._settings, ids, _PATIENCE_SECONDS)
        if not account.complete:
            raise DependencyAway("the broker did not acknowledge a deletion")
        self._known.forget(ids)

    def _forget_texts(self) -> None:
        outputs, posts = outdated(self._settings, self.name, self._known, self._text_days or 0.0)
        self._writer.write(outputs)
        self._known.text_gone(posts)

    def _insist(self, call: Callable[[], None]) -> None:
        """Call until it works; while stopping, once."""
        tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((AdrwatchError, KafkaError)),
            wait=tenacity.wait_random_exponential(self._settings.retry_first, self._settings.retry_most),
            sleep=tenacity.sleep_using_event(self._stop),
            stop=tenacity.stop_when_event_set(self._stop),
            before_sleep=self._note_retry,
            reraise=True,
        )(call)

    def _note_retry(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        metrics.RETRIES.labels(self._stage).inc()
        metrics.DEPENDENCY_UP.labels(self._stage).set(0)
        log.warning(
            "the broker is away, trying again", source=self.name, attempt=state.attempt_number, error=str(error)
        )

    def _pause(self, failures: int) -> float:
        most = min(self._settings.retry_most, self._settings.retry_first * 2.0 ** min(failures, 16))
        return most * random.uniform(0.5, 1.0)

"""The frame of every live source: follows a network for weeks, and keeps in Kafka how far it has come.

Order of steps, each repeatable:

1. items are read into a batch, which is handed to the outbox with the position after it: reading goes on while the next steps last,
   and pauses where neither Kafka nor the spool takes more;
2. posts, notes that they are published, and dead letters are written, and the acknowledgement of each is awaited;
3. what was deleted at the network is taken back: deletions first, then tombstones;
4. only then the position is written. A crash at any point goes on from the position before, or from that of the spool where
   something waits there, and repeats what came after it under the same ids.

A network that breaks off, or fails in a way that nobody foresaw, is tried again from the position on, after the time that it
asks for, a day at most, else with back-off and jitter; Kafka that is away is waited for.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from contextlib import closing
from datetime import datetime
from typing import Literal

from kafka.errors import KafkaError

from services.ingest.networks import positions
from services.ingest.networks.batch import Batch
from services.ingest.networks.courier import Courier
from services.ingest.networks.guard import guarded, patience
from services.ingest.networks.known import Known
from services.ingest.networks.network import Item, Network, Passed
from services.ingest.networks.outbox import Outbox
from services.ingest.networks.parcel import Parcel
from services.ingest.networks.spool import Spool
from services.ingest.publish import STAGE
from services.ingest.source import Reject, SourceBroken
from shared import metrics
from shared.errors import AdrwatchError
from shared.events import Position, now
from shared.health import HEALTH
from shared.logs import logger
from shared.settings import Settings
from shared.topics import PUBLISHED

log = logger("sources")

# Posts wait this long for company; without any, the position is written this often, which also says that the source lives.
_POSTS_SECONDS = 1.0
_IDLE_SECONDS = 5.0
_MOST_WAITING = 2_000
# Networks as large as these never are silent for so long: what lies between is missing.
_GAP_SECONDS = 300.0
# A connection that lasted is no reason to be slower with the next one.
_STEADY_SECONDS = 60.0

State = Literal["running", "waiting", "stopped"]


class Follower:
    """Follows one source until `stop` is set; `run` is its thread. `text_days`: texts that are older are forgotten;
    `seal_days`: so are encrypted ids of posts.

    Raises AdrwatchError where another process has the spool of the source.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        batch: Batch,
        settings: Settings,
        stop: threading.Event,
        text_days: float | None,
        seal_days: float | None = None,
    ) -> None:
        self.name = name
        self._network = network
        self._batch = batch
        self._known = batch.known
        self._settings = settings
        self._stop = stop
        self._spool = Spool(name, settings)
        self._courier = Courier(name, settings, batch.known, stop, text_days, seal_days)
        self._outbox = Outbox(name, self._spool, self._deliver)
        # The last that was handed over; a connection goes on from there, a process from the last that was written.
        self._last = Position(source=name, cursor=None, reached=None, written_at=now(), state="waiting")
        self._settled = time.monotonic()
        self._events: Counter[str] = Counter()
        self._posts = 0
        self._reconnects = 0

    def run(self) -> None:
        """Follow until told to stop. Network and broker may be away for any time."""
        failures = 0
        try:
            self._courier.insist(self._take_up)
            self._outbox.start()
            while not self._stop.is_set():
                began = time.monotonic()
                try:
                    self._follow()
                except SourceBroken as trouble:
                    failures = 0 if time.monotonic() - began > _STEADY_SECONDS else failures + 1
                    self._reconnects += 1
                    metrics.SOURCE_RECONNECTS.labels(self.name).inc()
                    log.warning("a source broke off, trying again", source=self.name, error=trouble.message)
                    asked = patience(trouble.wait_seconds)
                    pause = self._pause(failures) if asked is None else asked
                    why = trouble.message + positions.next_try(pause, now())
                    self._settle("waiting", why)
                    self._rest(pause, why)
            self._settle("stopped")
            self._outbox.close()
            if self._outbox.failure is not None:
                raise self._outbox.failure
            log.info("a source stops", source=self.name, position=self._last.cursor)
        except (AdrwatchError, KafkaError) as error:
            if not self._stop.is_set():
                raise
            # What was not acknowledged lies in the spool, or after the position, and comes again.
            log.warning("a source stops without the broker", source=self.name, error=type(error).__name__)
        finally:
            HEALTH.ended()
            # Nobody waits for a broker on behalf of a source that has ended.
            self._stop.set()
            self._outbox.close()
            self._courier.close()
            self._known.close()

    def _take_up(self) -> None:
        resumed = take_up(self._known, self._spool, self._settings)
        self._last = resumed or positions.read(self._settings).get(self.name, self._last)
        self._courier.forgotten = self._last.forgotten
        log.info("a source goes on", source=self.name, position=self._last.cursor)

    def _deliver(self, parcel: Parcel) -> None:
        self._courier.deliver(parcel)
        if not self._outbox.spooled:
            # The texts of what waits there are not yet with the broker to be forgotten.
            self._courier.tidy()

    def _follow(self) -> None:
        """One connection, until it breaks (SourceBroken) or `stop` is set."""
        before, resumed = self._last.reached, self._last.cursor is not None
        with closing(guarded(self.name, self._network, self._last.cursor)) as items:
            for item in items:
                HEALTH.turning()
                if item is not None:
                    self._take(item)
                if isinstance(item, Passed) and item.seam:
                    before, resumed = self._network.reached, True
                if resumed and self._network.reached not in (None, before):
                    resumed = False
                    self._look_for_gap(before, self._network.reached)
                waited = time.monotonic() - self._settled
                # A first start notes at once where it begins: killed before that, it would begin later.
                begins = self._last.cursor is None and self._network.cursor is not None
                if (
                    begins
                    or waited > _IDLE_SECONDS
                    or (self._batch and waited > _POSTS_SECONDS)
                    or len(self._batch) > _MOST_WAITING
                ):
                    self._settle("running")
                if self._stop.is_set():
                    return

    def _take(self, item: Item) -> None:
        self._events[self._batch.take(item)] += 1
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
        """Hand over what was read, with the position after it. Raises what ended the delivery."""
        batch, at, last = self._batch, now(), self._last
        self._posts += len(batch.posts)
        position = Position(
            source=self.name,
            cursor=self._network.cursor or last.cursor,
            reached=self._network.reached or last.reached,
            written_at=at,
            state=state,
            per_second=round(self._events.total() / max(0.001, time.monotonic() - self._settled), 1),
            posts=self._posts,
            reconnects=self._reconnects,
            error=error,
            since=(last.since if last.error else at) if error else None,
        )
        for kind, count in self._events.items():
            metrics.SOURCE_EVENTS.labels(self.name, kind).inc(count)
        for reject in batch.rejects:
            metrics.DEAD_LETTERS.labels(STAGE, reject.reason).inc()
        parcel = Parcel(batch.outputs(), list(batch.gone.values()), position, self._known.aliases_of(batch.gone))
        self._known.add(batch.published, _ms(at))
        self._known.add_aliases(batch.aliases)
        self._known.forget(batch.gone)
        batch.clear()
        self._events.clear()
        self._outbox.put(parcel)
        self._last, self._settled = position, time.monotonic()

    def _rest(self, seconds: float, why: str) -> None:
        """Leave the network alone for so long; the position says all the while that the source lives, and why it waits."""
        until = time.monotonic() + seconds
        while not self._stop.is_set() and (left := until - time.monotonic()) > 0:
            HEALTH.turning()
            self._stop.wait(min(left, _IDLE_SECONDS))
            if time.monotonic() - self._settled > _IDLE_SECONDS:
                self._settle("waiting", why)

    def _pause(self, failures: int) -> float:
        most = min(self._settings.retry_most, self._settings.retry_first * 2.0 ** min(failures, 16))
        return most * random.uniform(0.5, 1.0)


def take_up(known: Known, spool: Spool, settings: Settings) -> Position | None:
    """Learn what was published of a source, also what still waits in its spool; gives the position of the spool.

    Raises what TopicReader raises.
    """
    known.catch_up(settings)
    for parcel in spool.parcels():
        for one in parcel.outputs:
            if one.topic is PUBLISHED:
                known.apply(one.key, one.value, _ms(now()))
        known.forget(parcel.gone_ids)
    return spool.resume


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)

"""Takes in what is pushed to one source: requests that wait are put together, made safe, and then answered.

Order of steps, each repeatable:

1. the records of the requests become a batch, under the ids that they have at any repetition;
2. the batch is written to Kafka, deletions and position after it (`courier.py`), or lies on disk behind what waits there already;
3. only then the requests are answered. What neither takes is answered as not taken, and its sender comes again.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from concurrent.futures import Future
from typing import Literal

from kafka.errors import KafkaError

from services.ingest.networks import positions
from services.ingest.networks.batch import Batch, for_good
from services.ingest.networks.courier import Courier
from services.ingest.networks.follow import take_up
from services.ingest.networks.gone import Gone
from services.ingest.networks.keys import Names
from services.ingest.networks.network import Item, Passed, PostGone
from services.ingest.networks.outbox import Outbox, Place
from services.ingest.networks.parcel import Parcel
from services.ingest.networks.spool import Spool
from services.ingest.publish import STAGE
from services.ingest.push.configuration import Push
from services.ingest.push.records import deletion_of, post_of, unreadable
from services.ingest.push.request import CrowdedError, Kind, Receipt, Request
from services.ingest.source import RawPost
from shared import metrics
from shared.errors import AdrwatchError
from shared.events import Position, now
from shared.health import HEALTH
from shared.logs import logger
from shared.settings import Settings

log = logger("push")

# Without any request the position is written this often, which says that the source lives.
_IDLE_SECONDS = 5.0
_MOMENT = 0.5
# Records that go to the broker together, at least where so many wait.
_MOST_TOGETHER = 2_000
# Requests that wait; more are sent away.
_MOST_WAITING = 100


class Desk:
    """The desk of one source; `run` is its thread. It ends when `stop` is set and `closed` too: nobody hands in any more.

    Raises AdrwatchError where another process has the spool of the source.
    """

    def __init__(
        self, source: Push, names: Names, batch: Batch, gone: Gone, settings: Settings, stop: threading.Event
    ) -> None:
        self.name = names.source
        self.source = source
        self.ready = threading.Event()
        self.closed = threading.Event()
        self._names = names
        self._batch = batch
        self._known = batch.known
        self._gone = gone
        self._settings = settings
        self._stop = stop
        # An answer is a promise, also when the power fails.
        self._spool = Spool(self.name, settings.model_copy(update={"spool_fsync": "always"}))
        self._courier = Courier(self.name, settings, batch.known, stop, source.text_limit, None)
        self._outbox = Outbox(self.name, self._spool, self._deliver)
        self._changed = threading.Condition()
        self._waiting: deque[Request] = deque()
        self._over = False
        self._last = Position(source=self.name, cursor=None, reached=None, written_at=now(), state="running")
        self._settled = time.monotonic()
        self._posts = 0

    def hand_in(self, kind: Kind, records: list[bytes]) -> Future[Receipt | None]:
        """Hand in the records of a request. The answer is None where they were not taken. Raises CrowdedError."""
        request = Request(kind, records)
        with self._changed:
            if self._over or len(self._waiting) >= _MOST_WAITING:
                raise CrowdedError
            self._waiting.append(request)
            self._changed.notify_all()
        return request.answer

    def run(self) -> None:
        """Take in what is handed in until the end. Raises what ended the delivery to the broker."""
        try:
            self._courier.insist(self._take_up)
            self._outbox.start()
            self.ready.set()
            log.info("a source takes posts", source=self.name)
            while (requests := self._next()) is not None:
                HEALTH.turning()
                self._answer(requests)
            self._settle(Counter(), "stopped")
            self._outbox.close()
            if self._outbox.failure is not None:
                raise self._outbox.failure
        except (AdrwatchError, KafkaError) as error:
            if not self._stop.is_set():
                raise
            log.warning("a source stops without the broker", source=self.name, error=type(error).__name__)
        finally:
            HEALTH.ended()
            self.ready.clear()
            with self._changed:
                self._over = True
            for request in self._waiting:
                request.reply(None)
            self._outbox.close()
            self._courier.close()
            self._known.close()

    def close(self) -> None:
        """Nothing is handed in any more."""
        with self._changed:
            self.closed.set()
            self._changed.notify_all()

    def _take_up(self) -> None:
        resumed = take_up(self._known, self._spool, self._settings)
        for parcel in self._spool.parcels():
            # Promised, and not in the topic yet.
            self._gone.add(for_good(parcel.gone))
        self._last = resumed or positions.read(self._settings).get(self.name, self._last)
        self._courier.forgotten = self._last.forgotten

    def _deliver(self, parcel: Parcel) -> None:
        self._courier.deliver(parcel)
        if not self._outbox.spooled:
            self._courier.tidy()

    def _next(self) -> list[Request] | None:
        """What waits, as much as goes together; nothing when it is time to say that the source lives; None at the end."""
        found: list[Request] = []
        with self._changed:
            while not self._waiting:
                if self.closed.is_set():
                    return None
                # While stopping, what is handed in goes to disk.
                if self._outbox.failure is not None and not self._stop.is_set():
                    raise self._outbox.failure
                if time.monotonic() - self._settled > _IDLE_SECONDS:
                    return found
                self._changed.wait(_MOMENT)
            while self._waiting and sum(len(one.records) for one in found) < _MOST_TOGETHER:
                found.append(self._waiting.popleft())
        return found

    def _answer(self, requests: list[Request]) -> None:
        kept: Place | None = None
        try:
            events: Counter[str] = Counter()
            for request in requests:
                for index, data in enumerate(request.records):
                    self._take(request, index, data)
                events += request.receipt.counts
            kept = self._settle(events, "running")
        finally:
            for request in requests:
                request.reply(kept)

    def _take(self, request: Request, index: int, data: bytes) -> None:
        refused = len(self._batch.rejects)
        try:
            word = self._batch.take(self._item(request.kind, index, data))
        except Exception as error:  # noqa: BLE001 - what nobody can read must hold up nobody
            word = self._batch.take(unreadable(error, index, self._names, data))
        request.receipt.counts[word] += 1
        for reject in self._batch.rejects[refused:]:
            request.receipt.rejected.append((index, reject.reason, reject.detail))

    def _item(self, kind: Kind, index: int, data: bytes) -> Item:
        if kind == "deletions":
            return deletion_of(data, index, self._names)
        item = post_of(data, index, self._names, self.source.languages)
        if isinstance(item, RawPost | PostGone) and self._is_gone(item.post_id):
            return Passed("gone")
        return item

    def _is_gone(self, post_id: str) -> bool:
        waits = self._batch.gone.get(post_id)
        return post_id in self._gone or (waits is not None and not waits.edited)

    def _settle(self, events: Counter[str], state: Literal["running", "stopped"]) -> Place | None:
        """Make safe what was taken, with the position after it; where it is safe then."""
        batch, at, last = self._batch, now(), self._last
        reached = [post.created_at for post in batch.posts.values()] + ([last.reached] if last.reached else [])
        position = Position(
            source=self.name,
            cursor=at.isoformat(timespec="seconds") if events else last.cursor,
            reached=max(reached, default=None),
            written_at=at,
            state=state,
            per_second=round(events.total() / max(0.001, time.monotonic() - self._settled), 1),
            posts=self._posts + len(batch.posts),
        )
        parcel = Parcel(batch.outputs(), list(batch.gone.values()), position, self._known.aliases_of(batch.gone))
        # Also what is not taken in time may come to the broker, and must be found by its deletion.
        self._known.add(batch.published, int(at.timestamp() * 1000))
        kept = self._outbox.keep(parcel)
        if kept is not None:
            self._note(events)
            self._known.forget(batch.gone)
            self._gone.add(batch.gone_for_good)
            self._last, self._posts = position, position.posts
        batch.clear()
        self._settled = time.monotonic()
        return kept

    def _note(self, events: Counter[str]) -> None:
        for kind, count in events.items():
            metrics.SOURCE_EVENTS.labels(self.name, kind).inc(count)
        for reject in self._batch.rejects:
            metrics.DEAD_LETTERS.labels(STAGE, reject.reason).inc()

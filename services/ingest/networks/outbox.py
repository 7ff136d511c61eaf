"""Between reading and Kafka: a thread of its own delivers, so that reading goes on while acknowledgements are awaited.

Parcels are delivered in the order in which they were put. A few wait in memory; when they have waited for long, because Kafka is
slow or away, all of them go to the spool, and so does everything after them until the spool is drained. Where the spool has no room
either, `put` waits, and nothing is read from the network meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from services.ingest.networks.parcel import Parcel
from services.ingest.networks.spool import Spool
from shared import metrics
from shared.health import HEALTH

# In memory: one that is being delivered, and one that was read meanwhile.
_MOST = 2
# Kafka is waited for so long before the disk is used.
_SLOW_SECONDS = 2.0
_MOMENT = 0.5

# Where a parcel is safe.
Place = Literal["kafka", "spool"]


class Outbox:
    """`deliver` takes one parcel and returns when it is with the broker; what it raises ends the delivery, and is `failure`."""

    def __init__(self, name: str, spool: Spool, deliver: Callable[[Parcel], None]) -> None:
        self._name = name
        self._spool = spool
        self._deliver = deliver
        self._waiting: deque[Parcel] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self.failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=f"{name}-outbox", daemon=True)

    @property
    def spooled(self) -> bool:
        """Whether something waits in the spool."""
        with self._changed:
            return bool(self._spool)

    def start(self) -> None:
        """Begin to deliver, first what the spool holds."""
        self._note()
        self._thread.start()

    def put(self, parcel: Parcel) -> None:
        """Take a parcel in; waits where there is no room for it. Raises what ended the delivery, the parcel then in the spool."""
        late = time.monotonic() + _SLOW_SECONDS
        with self._changed:
            while True:
                if self.failure is not None:
                    # Nothing is taken out any more, so the order stays right.
                    if self._spool.append([*self._waiting, parcel]):
                        self._waiting.clear()
                    raise self.failure
                if self._spool and parcel.empty:
                    # The next one says where it has come to as well.
                    self._spool.sync()
                    self._note()
                    return
                if not self._spool and len(self._waiting) < _MOST:
                    self._waiting.append(parcel)
                    break
                if (self._spool or time.monotonic() > late) and self._spool.append([*self._waiting, parcel]):
                    self._waiting.clear()
                    break
                HEALTH.turning()
                self._changed.wait(_MOMENT)
            self._changed.notify_all()
            self._note()

    def keep(self, parcel: Parcel) -> Place | None:
        """Take a parcel in, and wait until it is with the broker or on disk; None where neither has taken it in time.

        What was not taken in time may be delivered all the same, before what is put later. An empty one needs no place on disk.
        """
        late = time.monotonic() + _SLOW_SECONDS
        with self._changed:
            while self._waiting and self.failure is None and time.monotonic() < late:
                self._changed.wait(_MOMENT)
            if self._spool and parcel.empty:
                self._note()
                return "spool"
            if not self._spool and not self._waiting and self.failure is None:
                self._waiting.append(parcel)
                self._changed.notify_all()
                while self._waiting and self.failure is None and time.monotonic() < late:
                    self._changed.wait(min(_MOMENT, max(0.0, late - time.monotonic())))
                if not self._waiting:
                    self._note()
                    return "kafka"
                kept = self._spool.append(list(self._waiting))
            else:
                kept = self._spool.append([*self._waiting, parcel])
            if kept:
                self._waiting.clear()
            self._changed.notify_all()
            self._note()
        return "spool" if kept else None

    def close(self) -> None:
        """Deliver what waits in memory; what the broker does not take goes to the spool, where it stays for the next start."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()
        if self._waiting and self._spool.append(list(self._waiting)):
            self._waiting.clear()
        self._spool.close()

    def _run(self) -> None:
        try:
            while (parcel := self._next()) is not None:
                self._deliver(parcel)
                with self._changed:
                    # It may have gone to the spool meanwhile, as the first one there.
                    if self._spool:
                        self._spool.advance()
                    else:
                        self._waiting.popleft()
                    self._note()
                    self._changed.notify_all()
        except Exception as error:  # noqa: BLE001 - the thread that reads raises it
            with self._changed:
                self.failure = error
                self._changed.notify_all()
        finally:
            HEALTH.ended()

    def _next(self) -> Parcel | None:
        with self._changed:
            while True:
                if self._waiting:
                    return self._waiting[0]
                if self._closing:
                    return None
                if (first := self._spool.first()) is not None:
                    return first
                HEALTH.turning()
                self._changed.wait(_MOMENT)

    def _note(self) -> None:
        found = self._spool.contents
        metrics.SPOOL_POSTS.labels(self._name).set(found.posts)
        metrics.SPOOL_BYTES.labels(self._name).set(found.bytes)
        metrics.SPOOL_AGE.labels(self._name).set(time.time() - found.since if found.since is not None else 0.0)

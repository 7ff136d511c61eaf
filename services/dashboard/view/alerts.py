"""The alerts as they stand, in memory, followed by a thread; whoever waits hears of each change."""

from __future__ import annotations

import asyncio
import heapq
import random
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.broker import Stored, TopicReader
from shared.errors import AdrwatchError
from shared.events import Alert
from shared.latest_alerts import LatestAlerts
from shared.logs import logger
from shared.settings import Settings
from shared.topics import ALERTS

log = logger("alerts")

_LOOK_SECONDS = 0.5
_FEW = 3
_PATIENCE = 5.0


@dataclass(frozen=True)
class Change:
    """What became of one alert; None: it was taken back. `new`: nobody was told of it before."""

    id: str
    alert: Alert | None
    new: bool


# None: whether Kafka answers has changed.
Listener = Callable[[Change | None], object]


class LiveAlerts:
    """The latest state of every alert of the topic."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="alerts", daemon=True)
        self._lock = threading.Lock()
        self._latest = LatestAlerts()
        self._since: dict[str, datetime] = {}
        self._version = 0
        self._all: tuple[int, list[Alert]] = (-1, [])
        self._last: tuple[int, list[Alert]] = (-1, [])
        self._listeners: set[Listener] = set()
        self.caught_up = threading.Event()
        self.trouble: AdrwatchError | None = None
        self.troubled_since: datetime | None = None

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._stop.set()

    @property
    def version(self) -> int:
        """A number that rises with every change."""
        return self._version

    def all(self) -> list[Alert]:
        """All of them, the latest first. The list is shared: leave it as it is."""
        with self._lock:
            if self._all[0] != self._version:
                self._all = (self._version, self._latest.all())
            return self._all[1]

    def last(self) -> list[Alert]:
        """The few that are known for the shortest time. The list is shared: leave it as it is."""
        with self._lock:
            if self._last[0] != self._version:
                names = heapq.nlargest(_FEW, self._since, key=lambda name: (self._since[name], name))
                self._last = (self._version, [one for name in names if (one := self._latest.get(name)) is not None])
            return self._last[1]

    def raised(self) -> dict[tuple[str, str], str]:
        """The signal of each pair of drug and reaction that has one, the newest: its id, by the ids of the pair."""
        return {(one.drug.id, one.reaction.id): one.id for one in reversed(self.all()) if one.table}

    def get(self, alert_id: str) -> Alert | None:
        """One, None where there is none or it was taken back."""
        with self._lock:
            return self._latest.get(alert_id)

    def since(self, alert_id: str) -> datetime | None:
        """When the record was written by which an alert is first known here."""
        # Without the lock: a list asks a thousand times, and would wait each time for others that do.
        return self._since.get(alert_id)

    @contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        """Call a function, from the thread that follows, with every change; with None when it gets into trouble, or out."""
        with self._lock:
            self._listeners.add(listener)
        try:
            yield
        finally:
            with self._lock:
                self._listeners.discard(listener)

    async def changes(self) -> AsyncIterator[Change | None]:
        """Every change from now on; None at the beginning, and when they cannot be followed any more, or can again."""
        loop, waiting = asyncio.get_running_loop(), asyncio.Queue[Change | None]()
        with self.listening(lambda change: loop.call_soon_threadsafe(waiting.put_nowait, change)):
            yield None
            while True:
                yield await waiting.get()

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                self._read()
            except Exception as error:  # noqa: BLE001 - the boundary of the thread: what is known stays on show
                away = error if isinstance(error, AdrwatchError) else AdrwatchError(type(error).__name__)
                log.warning("alerts cannot be followed, trying again", error=away.message)
                self._stand(away)
                self._stop.wait(self._settings.retry_most * random.uniform(0.5, 1.0))

    def _read(self) -> None:
        """Take in the topic as a whole, then what comes. What was taken back while nobody read is not there any more."""
        with TopicReader(self._settings, ALERTS, patience=_PATIENCE) as reader:
            fresh, since = LatestAlerts(), dict[str, datetime]()
            for record in reader.to_end():
                fresh.apply(record)
                _date(record, since)
            self._replace(fresh, since)
            self.caught_up.set()
            while not self._stop.is_set():
                for record in reader.to_end():
                    self._take(record)
                self._stand(None)
                self._stop.wait(_LOOK_SECONDS)

    def _replace(self, fresh: LatestAlerts, since: dict[str, datetime]) -> None:
        with self._lock:
            before, self._latest, self._since = self._latest, fresh, since
            self._version += 1
            known, now = ({one.id: one for one in each.all()} for each in (before, fresh))
        for alert in now.values():
            if known.get(alert.id) != alert:
                self._tell(Change(alert.id, alert, alert.id not in known))
        for gone in known.keys() - now.keys():
            self._tell(Change(gone, None, False))

    def _take(self, record: Stored) -> None:
        name = (record.key or b"").decode(errors="replace")
        with self._lock:
            known = self._latest.get(name) is not None
            alert = self._latest.apply(record)
            _date(record, self._since)
            self._version += 1
        if alert is not None or (record.value is None and known):
            self._tell(Change(name, alert, alert is not None and not known))

    def _stand(self, trouble: AdrwatchError | None) -> None:
        news = (trouble is None) != (self.trouble is None)
        if news:
            self.troubled_since = None if trouble is None else datetime.now(UTC)
        self.trouble = trouble
        if news:
            self._tell(None)

    def _tell(self, change: Change | None) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener(change)


def _date(record: Stored, since: dict[str, datetime]) -> None:
    name = (record.key or b"").decode(errors="replace")
    if record.value is None:
        since.pop(name, None)
    else:
        since.setdefault(name, datetime.fromtimestamp(record.written_ms / 1000, UTC))

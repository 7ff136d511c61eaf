"""A person at work: opens a case from single reports as they come, as the page of the dashboard does."""

from __future__ import annotations

import threading
from contextlib import suppress

from services.cases.audit import Trail
from services.cases.casebook import Casebook
from services.cases.database import Database
from services.cases.queue import item
from shared.errors import AdrwatchError, DependencyAway
from shared.latest_alerts import Filter, latest_alerts
from shared.settings import Settings

_EACH = 5.0
_AT_ONCE = 2


class Clerk:
    """A thread. `opened` are the items of which it was told that a case is open."""

    def __init__(self, settings: Settings) -> None:
        self.opened: set[str] = set()
        self._settings = settings
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what is begun, and go."""
        self._stop.set()
        self._thread.join(90)

    def _run(self) -> None:
        while not self._stop.wait(_EACH):
            # The broker or the database is away, or just starts: the work waits.
            with suppress(AdrwatchError):
                found = latest_alerts(self._settings).matching(Filter(kind="single_report"))
                for one in [alert.id for alert in found if alert.id not in self.opened][:_AT_ONCE]:
                    self._open(one)

    def _open(self, alert: str) -> None:
        found = item(self._settings, alert)
        with Database.used(self._settings) as database:
            book = Casebook(database, Trail.of(self._settings), "clerk")
            with suppress(DependencyAway):
                # Where the answer is lost, it is opened again: that is the same case.
                book.open(found, (), (), "a single report of the run")
                book.open(found, (), (), "asked twice, as after a lost answer")
                self.opened.add(alert)

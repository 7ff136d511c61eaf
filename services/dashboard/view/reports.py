"""The reports as alerting counts them: its rows in Redis, decoded, brought up to date when any of them changed.

A thread reads, by alerting's own code; pages take a `Counted`, which never changes, and ask that. Redis away: the last one stays.
"""

from __future__ import annotations

import asyncio
import random
import threading
from typing import Any

from services.alerting.history import History
from services.alerting.link import RedisLink
from services.alerting.rows import RowStore
from services.dashboard.view.counted import Counted
from services.dashboard.view.state import State
from shared.errors import AdrwatchError, DependencyAway, said
from shared.logs import logger
from shared.redis_keys import Keys
from shared.settings import Settings
from shared.signals.rules import Rules

log = logger("reports")
_LOOK_SECONDS = 1.0
# After every bucket that there can be.
_EVER = 1 << 40


class Reports:
    """The thread, and what it last read."""

    def __init__(self, settings: Settings, rules: Rules) -> None:
        self._settings = settings
        self._rules = rules
        self._keys = Keys(settings.redis_prefix)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="reports", daemon=True)
        self._changes = -1
        self._history: History | None = None
        self._versions: dict[int, int] = {}
        self.state = State("reports")
        self._now = Counted.empty(rules)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def close(self, seconds: float = 5.0) -> None:
        """End, and wait for that."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def now(self) -> Counted:
        """The reports as they were last read. Whoever asks several things of them keeps it, so that the answers fit together."""
        return self._now

    async def _run(self) -> None:
        while not self._stop.is_set():
            link: RedisLink | None = None
            try:
                link = RedisLink.of(self._settings)
                # What Redis was while it was away is not known: its rows are read from the first on.
                self._history = None
                await self._follow(link, RowStore(link, self._keys, self._rules))
            except Exception as error:  # noqa: BLE001 - the boundary of the thread: what is known stays on show
                if self.state.failed(error):
                    log.warning("reports cannot be read, trying again", error=said(error))
            finally:
                if link is not None:
                    await link.close()
            await self._wait(self._settings.retry_most * random.uniform(0.5, 1.0))

    async def _follow(self, link: RedisLink, store: RowStore) -> None:
        while not self._stop.is_set():
            changes, closed = await self._look(link)
            # A count that went back is that of a Redis that was made anew.
            if self._history is None or changes < self._changes:
                self._history, self._changes = History(store, self._rules), -1
            if changes != self._changes or closed != self._now.closed_until_ms:
                versions = await self._history.refresh(0, _EVER)
                await self._show(store, versions, closed)
                # As it was before the rows were read: what changed meanwhile is looked at once more.
                self._changes = changes
            self.state.worked()
            await self._wait(_LOOK_SECONDS)

    async def _look(self, link: RedisLink) -> tuple[int, int | None]:
        """How often rows have changed, and the end of the last closed bucket. Raises AdrwatchError for rows of other rules."""

        def read(pipe: Any) -> None:
            pipe.get(self._keys.changes)
            pipe.zscore(self._keys.watermark, "closed")
            pipe.get(self._keys.bucket_length)

        [[changes, closed, length]] = await link.run(read)
        if length is not None and int(length) != self._rules.time.bucket_ms:
            raise AdrwatchError(
                f"the rows in Redis lie in buckets of {int(length) // 60_000} minutes, the rules of the dashboard say"
                f" {self._rules.time.bucket_ms // 60_000}",
                fix="give the dashboard the rule file of alerting, by ADRWATCH_RULES_FILE",
            )
        return int(changes or 0), None if closed is None else int(closed)

    async def _show(self, store: RowStore, versions: dict[int, int], closed: int | None) -> None:
        before, history = self._now, self._history
        if history is None:
            raise DependencyAway("the rows are not read yet")
        names = history.ledger.vocabulary
        unknown = {*names.drugs.names, *names.reactions.names} - before.labels.keys()
        labels = before.labels | await store.labels(unknown)
        changed = {bucket for bucket, _ in versions.items() ^ self._versions.items()}
        now = Counted(history.ledger, self._rules, labels, before.version + 1, closed)
        now.take_over(before, changed)
        self._now, self._versions = now, versions

    async def _wait(self, seconds: float) -> None:
        await asyncio.to_thread(self._stop.wait, seconds)

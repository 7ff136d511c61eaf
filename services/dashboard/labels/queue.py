"""The posts of the last day that were drawn for review, from adr.outcomes. Ids in memory, and no text."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator

from services.dashboard.labels.draw import Drawn, drawn
from shared.broker import Stored, TopicReader
from shared.errors import BadMessage, DependencyAway
from shared.events import Outcome, decode, derived_id
from shared.models.classifier import NAME
from shared.models.metadata import load_metadata
from shared.settings import Settings
from shared.topics import DAY_MS, OUTCOMES

# What one request reads at most, so that nobody waits for long; the next one goes on.
_AT_ONCE = 20_000
_MOST = 5_000
_PATIENCE = 5.0


class Queue:
    """What was drawn, read on at each request. Any thread may ask."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._reader: TopicReader | None = None
        self._reading: Iterator[Stored] = iter(())
        self._drawn: dict[str, Drawn] = {}
        self._skipped: dict[str, set[str]] = {}
        self._threshold = 0.5

    def all(self, whole: bool = False) -> list[Drawn]:
        """The latest that were drawn, where `whole` once the topic is read to its end, however long that takes.

        Raises DependencyAway, and AdrwatchError for a model that cannot be read.
        """
        with self._lock:
            try:
                if self._reader is None:
                    folder = self._settings.model_repository / NAME
                    self._threshold = load_metadata(folder, NAME)[0].policies[self._settings.policy]
                    since = int(time.time() * 1000) - DAY_MS
                    self._reader = TopicReader(
                        self._settings, OUTCOMES, since=dict.fromkeys(range(OUTCOMES.partitions), since), patience=_PATIENCE
                    )  # fmt: skip
                read = self._read()
                while whole and read:
                    read = self._read()
                if not read:
                    # What has come since the end was reached.
                    self._reading = self._reader.to_end()
                    self._read()
            except DependencyAway:
                self._let_go()
                raise
            return list(self._drawn.values())

    def get(self, post_hash: str) -> Drawn | None:
        """One of those that were drawn."""
        with self._lock:
            return self._drawn.get(post_hash)

    def drop(self, post_hash: str) -> None:
        """Show a post to nobody any more."""
        with self._lock:
            self._drawn.pop(post_hash, None)

    def skip(self, assessor: str, post_hash: str) -> None:
        """Do not show a post to an assessor again, until the dashboard is started anew."""
        with self._lock:
            self._skipped.setdefault(assessor, set()).add(post_hash)

    def skipped(self, assessor: str) -> set[str]:
        """What an assessor has skipped."""
        with self._lock:
            return set(self._skipped.get(assessor, ()))

    def close(self) -> None:
        """Let the connection go."""
        with self._lock:
            self._let_go()

    def _read(self) -> int:
        """Go on with the reading that was begun, which may be in the middle of what it was given; how many records there were."""
        number = 0
        for record in itertools.islice(self._reading, _AT_ONCE):
            self._take(record.value)
            number += 1
        return number

    def _take(self, value: bytes | None) -> None:
        try:
            outcome = decode(value, Outcome)
        except BadMessage:
            return
        # The latest outcome of a post counts.
        name = derived_id(outcome.post_id)
        self._drawn.pop(name, None)
        if outcome.probability is None or outcome.aggregates_only:
            return
        found = drawn(outcome.post_id, name, outcome.probability, self._threshold)
        if found is not None:
            self._drawn[name] = found
            if len(self._drawn) > _MOST:
                del self._drawn[next(iter(self._drawn))]

    def _let_go(self) -> None:
        self._reading = iter(())
        if self._reader is not None:
            self._reader.__exit__()
            self._reader = None

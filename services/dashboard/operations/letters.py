"""The dead letters for people: listed without what they hold, one looked at, some sent back by the code of the command."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Collection, Sequence

from services.cases.audit import Trail
from services.cases.database import Database
from services.dashboard.operations.tail import Tail
from services.dashboard.operations.watch import Found
from services.ingest import dead_letters
from services.ingest.dead_letters import ReplayAccount
from services.ingest.inbox import Held, Inbox, Line, one
from shared.settings import Settings
from shared.topics import DAY_MS, DEAD_LETTERS

_GIVE_UP_SECONDS = 30.0
_PATIENCE = 5.0
# Older ones are gone by the retention of their topic, and the time that the broker takes for it.
_KEPT_MS = DEAD_LETTERS.retention_ms + DAY_MS
_LONGEST_SUBJECT = 80


class Letters:
    """What is there. No payload is kept."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._tail = Tail(settings, DEAD_LETTERS)
        self._inbox = Inbox()

    def lines(self) -> list[Line]:
        """Those that are not done, the latest first. Raises DependencyAway."""
        with self._lock:
            for record in self._tail.catch_up():
                self._inbox.take(record)
            oldest = time.time() * 1000 - _KEPT_MS
            self._inbox.lines = {name: line for name, line in self._inbox.lines.items() if line.written_ms >= oldest}
            return list(reversed(self._inbox.lines.values()))

    def close(self) -> None:
        """Let the connection go."""
        with self._lock:
            self._tail.close()

    def one(self, letter_id: str) -> Held:
        """One with its payload. Raises AdrwatchError where it is not there any more, DependencyAway."""
        return one(self._settings, letter_id, _PATIENCE)

    def send_back(self, ids: Collection[str]) -> ReplayAccount:
        """Replay those with these ids that are there, batch by batch. Raises DependencyAway, AdrwatchError where none is."""
        wanted = frozenset(ids)
        there = [line for line in self.lines() if line.id in wanted]
        return dead_letters.send_back(self._settings, there, _GIVE_UP_SECONDS, patience=_PATIENCE)


def chosen(lines: Sequence[Line], ids: Sequence[str], stage: str, reason: str) -> list[Line]:
    """Those with these ids, all where none are named, of this stage and reason where they are not empty. Pure."""
    return [
        line
        for line in lines
        if (not ids or line.id in ids) and stage in ("", line.stage) and reason in ("", line.reason)
    ]


def kinds(lines: Sequence[Line]) -> list[tuple[str, str, int]]:
    """Stage, reason and how many, the most first. Pure."""
    return [
        (stage, reason, count) for (stage, reason), count in Counter((x.stage, x.reason) for x in lines).most_common()
    ]


def judged(lines: Sequence[Line]) -> Found:
    """Dead letters wait for somebody. Pure."""
    if not lines:
        return Found("none")
    return Found(f"{len(lines)} wait", "posts could not be processed", "look at them by reason, mend that, replay them")


def recorded(trail: Trail, database: Database, actor: str, action: str, subject: str, reason: str) -> None:
    """A row of the audit trail. Raises DependencyAway, and then nothing was done."""
    with trail.recording(database) as recording:
        recording.add(actor, action, subject[:_LONGEST_SUBJECT], reason)

"""How a part of what is read stands: what a thread notes of itself, and what pages and health say of it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.errors import AdrwatchError
from shared.events import now

# A thread that has not worked for so long is stuck: what was deleted since is not known.
STALLED_SECONDS = 30.0


@dataclass(frozen=True)
class Health:
    """One part. `since`: from when on it is so; of a part that is away, what it shows is from `as_of`."""

    part: str
    state: Literal["up", "reading", "away"]
    since: datetime
    as_of: datetime | None = None
    detail: str = ""
    fix: str = ""


class State:
    """What one thread knows of its own work. One thread notes, others ask."""

    def __init__(self, part: str) -> None:
        self.part = part
        self.caught_up = threading.Event()
        self.behind = 0
        self.as_of: datetime | None = None
        self.trouble: AdrwatchError | None = None
        self._since = now()
        self._worked = time.monotonic()
        self._worked_at = self._since

    def worked(self, behind: int = 0) -> None:
        """All went well; so many records are still to be read."""
        was_up = self.caught_up.is_set() and self.trouble is None
        self.behind, self.trouble = behind, None
        self._worked, self._worked_at = time.monotonic(), now()
        if not behind:
            self.as_of = now()
            self.caught_up.set()
            if not was_up:
                self._since = now()

    def failed(self, error: Exception) -> bool:
        """Note what went wrong; whether that is news."""
        news = self.trouble is None
        if news:
            self._since = now()
        self.trouble = error if isinstance(error, AdrwatchError) else AdrwatchError(type(error).__name__)
        return news

    @property
    def stalled(self) -> bool:
        """Whether it has not worked for a while, though it named no trouble."""
        return time.monotonic() - self._worked > STALLED_SECONDS

    @property
    def away(self) -> bool:
        """Whether what it follows is not known at present."""
        return self.trouble is not None or self.stalled

    def health(self) -> Health:
        """As it is now."""
        trouble = self.trouble
        if trouble is not None:
            return Health(self.part, "away", self._since, self.as_of, trouble.message, trouble.fix)
        if self.stalled:
            return Health(
                self.part, "away", self._worked_at, self.as_of, "it reads on no more", "see the log of the dashboard"
            )
        if not self.caught_up.is_set():
            return Health(
                self.part, "reading", self._since, detail=f"{self.behind} records to read" if self.behind else ""
            )
        return Health(self.part, "up", self._since, self.as_of)

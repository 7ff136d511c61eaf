"""Asks one thing again and again, in a thread of its own, so that one that hangs keeps nothing else from being seen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Literal, TypeVar

from shared.errors import AdrwatchError, DependencyAway
from shared.events import now
from shared.health import HEALTH
from shared.logs import logger

log = logger("operations")
T = TypeVar("T")
Word = Literal["up", "warn", "away", "asked"]
# Without an answer for so long it counts as away.
SILENT_SECONDS = 25.0


def _nothing() -> None:
    """What is to be done at the end of most."""


@dataclass(frozen=True)
class Found:
    """What an answer comes to. `wrong` is empty where all is well; `fix` says what to do where it is not."""

    detail: str
    wrong: str = ""
    fix: str = ""


@dataclass(frozen=True)
class Standing:
    """How a part stands. `since` is when it came to stand so. `asked`: there was no answer yet."""

    part: str
    word: Word
    since: datetime
    detail: str = ""
    fix: str = ""


class Watch(Generic[T]):
    """The thread, and the last answer. `judge` says what an answer comes to; `end` is called by the thread when it ends."""

    def __init__(
        self,
        part: str,
        ask: Callable[[], T],
        every: float,
        judge: Callable[[T], Found],
        end: Callable[[], None] = _nothing,
    ) -> None:
        self._part = part
        self._ask = ask
        self._every = every
        self._judge = judge
        self._end = end
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch-{part}", daemon=True)
        self._lock = threading.Lock()
        self._heard = now()
        self._standing = Standing(part, "asked", self._heard)
        self.last: T | None = None

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more. An answer that is waited for is not: the thread ends with it, or with the process."""
        self._stop.set()

    def standing(self) -> Standing:
        """How it stands now."""
        with self._lock:
            if now() - self._heard > timedelta(seconds=SILENT_SECONDS + self._every):
                return Standing(self._part, "away", self._heard, "it gives no answer", "see that it runs, and its log")
            return self._standing

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                answer = self._ask()
                found = self._judge(answer)
                self.last = answer
                said = f"{found.wrong}: {found.detail}" if found.wrong and found.detail else found.wrong or found.detail
                self._note("warn" if found.wrong else "up", said, found.fix)
            except DependencyAway as error:
                self._note("away", error.message, error.fix)
            except AdrwatchError as error:
                self._note("warn", error.message, error.fix)
            except Exception as error:  # noqa: BLE001 - the boundary of the thread: one part says so, the others go on
                log.error("a check failed in a way that nobody foresaw", check=self._part, error=type(error).__name__)
                self._note("away", f"it could not be asked: {type(error).__name__}", "see the log of the dashboard")
            self._stop.wait(self._every)
        self._end()

    def _note(self, word: Word, detail: str, fix: str) -> None:
        if word == "away":
            HEALTH.away(self._part.lower(), detail)
        else:
            HEALTH.answered(self._part.lower())
        with self._lock:
            self._heard = now()
            since = self._standing.since if self._standing.word == word else self._heard
            self._standing = Standing(self._part, word, since, detail, fix)

"""Whether this process lives and has what it needs: said by its parts as they work, asked for at the port of its metrics.

Loops say that they turn, and by when they will have turned again. What a worker needs says that it answered, or did not: from the
work itself, else from one cheap question every few seconds. Who asks here asks nobody else, however often.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec
from msgspec.structs import replace

from shared import metrics
from shared.events import now

# What is needed and has said nothing for so long counts as missing: whoever should have heard of it hangs, too.
SILENT_SECONDS = 40.0
# A loop of events turns every second; a batch that is computed in it may hold it for some of them, on a busy machine for many.
LOOP_SECONDS = 120.0
# A thread of its own reads a network or a topic, each with time limits of some minutes.
THREAD_SECONDS = 900.0
START = "start"


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a part stands, and since when. Without one that is not `needed` the worker still does most of its work."""

    part: str
    ok: bool
    since: datetime
    error: str = ""
    fix: str = ""
    needed: bool = True


class Ready(msgspec.Struct, frozen=True):
    """The answer to whether a worker is ready. `started`: it has been, since it was started."""

    ready: bool
    started: bool
    parts: list[Part]


@dataclass(frozen=True)
class _Heard:
    part: Part
    at: float


class Health:
    """What one process knows of itself. May be used by all threads; `monotonic` is a clock in seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._heard: dict[str, _Heard] = {}
        self._loops: dict[str, float] = {}
        self._started = False

    def needs(self, part: str, fix: str, *, needed: bool = True) -> None:
        """Declare a part; it is missing until it answers. `fix`: what helps where it does not."""
        with self._lock:
            self._heard[part] = _Heard(
                Part(part, False, now(), "it has not answered yet", fix, needed), self._monotonic()
            )
        metrics.PART_UP.labels(part).set_function(lambda: float(self._standing(part).ok))

    def answered(self, part: str) -> None:
        """A part did its work. Of one that was never declared nothing is kept: commands use the same code."""
        with self._lock:
            before = self._heard.get(part)
            if before is None:
                return
            found = before.part if before.part.ok else replace(before.part, ok=True, since=now(), error="")
            self._heard[part] = _Heard(found, self._monotonic())

    def away(self, part: str, error: str) -> None:
        """A part did not answer, and why; no text of a post, and no secret."""
        with self._lock:
            before = self._heard.get(part)
            if before is None:
                return
            since = now() if before.part.ok else before.part.since
            found = replace(before.part, ok=False, since=since, error=error)
            self._heard[part] = _Heard(found, self._monotonic())

    def turning(self, within: float = THREAD_SECONDS, loop: str | None = None) -> None:
        """A loop turns, and will have turned again within so many seconds. `loop`: its name, else that of the thread."""
        with self._lock:
            self._loops[loop or threading.current_thread().name] = self._monotonic() + within

    def ended(self, loop: str | None = None) -> None:
        """A loop has come to its end."""
        with self._lock:
            self._loops.pop(loop or threading.current_thread().name, None)

    def quiet(self, part: str) -> float:
        """For how many seconds a part has said nothing; for ever where it was never declared."""
        with self._lock:
            heard = self._heard.get(part)
            return math.inf if heard is None else self._monotonic() - heard.at

    def started(self) -> None:
        """The worker has what it needs to begin."""
        with self._lock:
            self._started = True

    def hanging(self) -> list[str]:
        """The loops that should have turned by now."""
        with self._lock:
            at = self._monotonic()
            return sorted(name for name, until in self._loops.items() if until < at)

    def ready(self) -> Ready:
        """How every part stands, the missing ones first."""
        with self._lock:
            names, started = list(self._heard), self._started
        parts = [self._standing(name) for name in names]
        if not started:
            parts.append(
                Part(START, False, _BEGAN, "the worker is still starting", "see its log for what it waits for")
            )
        parts.sort(key=lambda part: (part.ok, not part.needed))
        return Ready(all(part.ok or not part.needed for part in parts), started, parts)

    def _standing(self, name: str) -> Part:
        with self._lock:
            heard = self._heard[name]
            silent = self._monotonic() - heard.at
        if not heard.part.ok or silent < SILENT_SECONDS:
            return heard.part
        since = datetime.fromtimestamp(time.time() - silent, heard.part.since.tzinfo)
        return replace(heard.part, ok=False, since=since, error=f"nothing was heard of it for {silent:.0f} s")


_BEGAN = now()
# Of this process.
HEALTH = Health()

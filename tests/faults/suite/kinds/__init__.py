"""All kinds of faults, in one table: how each is made anew, by its name."""

from __future__ import annotations

import functools
import signal
from collections.abc import Callable

from tests.faults.suite.kinds.base import Kind
from tests.faults.suite.kinds.messages import ASKED, Asked, ClockJump, Poison
from tests.faults.suite.kinds.models import WRONG, DeadModel, Rolled, Slow, Wrong
from tests.faults.suite.kinds.network import Cut, Delayed, HalfOpen, Silent
from tests.faults.suite.kinds.processes import Ended, Joined, JoinedAndKilled, Paused
from tests.faults.suite.kinds.stores import CannotSave, Flushed, Full, Locked, OutOfMemory, SpoolFull

WORKERS = ("pipeline-1", "alerting-1", "cases-1", "notify-1", "push-1")
SERVERS = ("kafka", "redis", "triton")
LINES = ("kafka-pipeline", "kafka-alerting", "kafka-others", "redis", "triton")

_MAKERS: tuple[Callable[[], Kind], ...] = (
    *(functools.partial(Ended, part, signal.SIGKILL) for part in (*WORKERS, *SERVERS)),
    *(functools.partial(Ended, part, signal.SIGTERM) for part in (*WORKERS, *SERVERS)),
    *(functools.partial(Paused, part) for part in (*WORKERS, *SERVERS)),
    Joined,
    functools.partial(Joined, 2),
    JoinedAndKilled,
    *(functools.partial(Wrong, *wrong) for wrong in WRONG),
    Slow,
    DeadModel,
    Rolled,
    Flushed,
    OutOfMemory,
    CannotSave,
    Locked,
    functools.partial(Full, "cases-1"),
    functools.partial(Full, "kafka"),
    SpoolFull,
    *(functools.partial(kind, line) for kind in (Delayed, Silent, Cut, HalfOpen) for line in LINES),
    *(functools.partial(ClockJump, worker) for worker in WORKERS),
    Poison,
    *(functools.partial(Asked, *asked) for asked in ASKED.items()),
)
KINDS: dict[str, Callable[[], Kind]] = {make().name: make for make in _MAKERS}

__all__ = ["KINDS", "Kind"]

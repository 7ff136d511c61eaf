"""Workers and servers are killed, stopped in order, paused; workers join and leave their group."""

from __future__ import annotations

import random
import signal
from typing import TYPE_CHECKING

from tests.faults.suite.kinds.base import Kind

if TYPE_CHECKING:
    from tests.faults.suite.world import World

PAUSE = (2.0, 9.0)


class Ended(Kind):
    """A part gets a signal that ends it, and is started again by the launcher."""

    family = "processes"

    def __init__(self, part: str, number: signal.Signals) -> None:
        self.part = part
        self.number = number
        how = "killed" if number == signal.SIGKILL else "stopped"
        service = part.partition("-")[0]
        self.name = f"{service}-{how}"
        word = "kill -9" if number == signal.SIGKILL else "SIGTERM"
        self.proves = f"{word} of {service} at any moment loses and doubles nothing"
        # Who is asked to stop finishes something first, and behind the endpoint posts still flow for a moment.
        self.shows = 0.0 if number == signal.SIGKILL and service != "push" else 2.0

    def inject(self, world: World, chance: random.Random) -> None:
        """See Kind."""
        world.stack.kill(self.part, self.number)


class Paused(Kind):
    """A part stands still and keeps its connections (SIGSTOP), and goes on."""

    family = "processes"
    seconds = PAUSE

    def __init__(self, part: str) -> None:
        self.part = part
        service = part.partition("-")[0]
        self.name = f"{service}-paused"
        self.proves = f"{service} may stand still with its connections open, and goes on"

    def inject(self, world: World, chance: random.Random) -> None:
        """See Kind."""
        world.stop_process(self.part)

    def end(self, world: World) -> None:
        """See Kind."""
        world.go_on(self.part)


class Joined(Kind):
    """More workers of the pipeline join and leave: partitions go from one to another and back."""

    family = "rebalances"
    seconds = (1.0, 6.0)

    def __init__(self, count: int = 1) -> None:
        one = "a worker" if count == 1 else f"{count} workers"
        self.name = "rebalance" if count == 1 else f"rebalance-{count}"
        self.proves = f"{one} of the pipeline may join and leave while posts flow"
        self._numbers = range(2, 2 + count)

    def inject(self, world: World, chance: random.Random) -> None:
        """See Kind."""
        for number in self._numbers:
            world.join(number)

    def end(self, world: World) -> None:
        """See Kind."""
        for number in self._numbers:
            world.leave(number)


class JoinedAndKilled(Joined):
    """One joins and is killed: its partitions lie idle until the broker gives up on it."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "rebalance-killed"
        self.proves = "a worker that joined may be killed: what it had is taken over"

    def end(self, world: World) -> None:
        """See Kind."""
        for number in self._numbers:
            process = world.joined[number].process
            assert process is not None
            process.signal_group(signal.SIGKILL)
            world.leave(number)

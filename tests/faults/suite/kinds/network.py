"""The line between a worker and a server is slow, narrow, silent, cut, or dead without a word."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.faults.suite.kinds.base import Kind
from tests.faults.suite.proxy import Line

if TYPE_CHECKING:
    from tests.faults.suite.world import World


class Network(Kind):
    """A line that goes through a proxy, and how it fails."""

    family = "network"

    def __init__(self, line: str, how: str, proves: str) -> None:
        self.line = line
        self.name = f"{line}-{how}"
        self.proves = proves

    def end(self, world: World) -> None:
        """See Kind."""
        world.proxies[self.line].mend()


class Delayed(Network):
    """Delay with jitter, and little bandwidth."""

    seconds = (2.0, 8.0)

    def __init__(self, line: str) -> None:
        super().__init__(line, "delayed", "a slow and narrow line slows, and changes nothing")

    def inject(self, world: World, chance: random.Random) -> None:
        """See Kind."""
        delay = chance.uniform(0.02, 0.3)
        world.proxies[self.line].set(Line(delay, delay, chance.choice((0.0, 200_000.0))))


class Silent(Network):
    """No packet gets through for a while."""

    seconds = (2.0, 9.0)

    def __init__(self, line: str) -> None:
        super().__init__(line, "silent", "a line on which nothing gets through for a while is waited for")

    def inject(self, world: World, chance: random.Random) -> None:
        """See Kind."""
        world.proxies[self.line].set(Line(silent=True))


class Cut(Network):
    """Connections are reset, and new ones refused."""

    seconds = (0.5, 8.0)

    def __init__(self, line: str) -> None:
        super().__init__(line, "cut", "a line that is cut is waited for")

    def inject(self, world: World, chance: random.Random) -> None:
        """See Kind."""
        world.proxies[self.line].cut()


class HalfOpen(Network):
    """The connections of now are dead, and neither side is told."""

    # What was sent before still flows.
    shows = 3.0

    def __init__(self, line: str) -> None:
        super().__init__(line, "half-open", "connections that died without a word are noticed and made anew")

    def inject(self, world: World, chance: random.Random) -> None:
        """See Kind."""
        world.proxies[self.line].kill_quietly()

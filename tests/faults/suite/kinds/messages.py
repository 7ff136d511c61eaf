"""What comes in is foreign, flawed, large, doubled or out of order; and clocks of workers jump."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.faults.suite.kinds.base import Kind

if TYPE_CHECKING:
    from tests.faults.suite.world import World


class Poison(Kind):
    """A foreign message lies among the posts."""

    name = "poison"
    family = "messages"
    proves = "a foreign message is a dead letter, once, and holds nothing up"
    weight = 2.0

    def inject(self, world: World, chance: random.Random) -> None:
        """See Kind."""
        noise = bytes(chance.randrange(256) for _ in range(chance.randrange(2000)))
        number = chance.getrandbits(64)
        world.write_poison(
            chance.choice(
                (
                    b"\xff" + noise,
                    b'{"id": "test:%d"}' % number,
                    b'["a list", %d]' % number,
                    b'{"schema_version": 99, "id": "%d"}' % number,
                    b'{"id": "test:%d", "source": "test", "text": 5}' % number,
                )
            )
        )


class Asked(Kind):
    """Something that the sender does."""

    family = "messages"

    def __init__(self, name: str, proves: str) -> None:
        self.name = name
        self.proves = proves

    def inject(self, world: World, chance: random.Random) -> None:
        """See Kind."""
        getattr(world.sender, self.name)()


class ClockJump(Kind):
    """The clock of one worker is wrong for a while, by minutes or the better part of an hour, either way."""

    family = "clocks"
    seconds = (2.0, 8.0)

    def __init__(self, worker: str) -> None:
        self.worker = worker
        service = worker.partition("-")[0]
        self.name = f"{service}-clock"
        self.proves = f"the clock of {service} may jump: nothing is lost, counted otherwise, or held up for long"

    def inject(self, world: World, chance: random.Random) -> None:
        """See Kind."""
        world.clocks.jump(self.worker, chance.choice((-1, 1)) * chance.randint(60, 50 * 60))

    def end(self, world: World) -> None:
        """See Kind."""
        world.clocks.mend(self.worker)


ASKED = {
    "repeat": "posts that come again are counted once",
    "shuffle": "posts out of order are counted where they belong",
    "large": "a post of 100 kB is treated like any other",
    "refuse": "a record that the endpoint refuses is one dead letter",
}

"""What a kind of fault is."""

from __future__ import annotations

import abc
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.suite.world import World


class Kind(abc.ABC):
    """A cause that begins with `inject` and ends with `end`, some `seconds` later (from, to). One object is used for one fault.

    `name` is what KINDS= takes, `family` stands over a part of the table, `proves` is what a run without a finding says. `weight`:
    how often it comes beside others. `shows`: seconds from the end until the product can have noticed anything.
    """

    name: str
    family: str
    proves: str
    seconds: tuple[float, float] = (0.0, 0.0)
    weight = 1.0
    shows = 0.0

    @abc.abstractmethod
    def inject(self, world: World, chance: random.Random) -> None:
        """Begin."""

    def end(self, world: World) -> None:  # noqa: B027 - many causes are over at once
        """Take the cause away. Nothing is to be done where it is over at once, such as a kill."""

"""Injects faults, one after another at random moments, and measures after how long posts flow again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.faults.suite.kinds import KINDS, Kind
from tests.faults.suite.world import World

# Longer than anything that mends itself takes.
_PATIENCE = 150.0
_BETWEEN = (0.0, 1.5)
_LOOK = 0.1


@dataclass(frozen=True)
class Fault:
    """A fault that was injected. Moments are of the monotonic clock.

    `recovered` is seconds from its end, None where posts do not flow.
    """

    kind: str
    family: str
    began: float
    ended: float
    recovered: float | None


class Engine:
    """Chooses by chance among the named kinds, in rounds in which each comes at least once."""

    def __init__(self, world: World, kinds: Sequence[str], chance: random.Random, say: Callable[[str], None]) -> None:
        self.faults: list[Fault] = []
        self._world = world
        self._chance = chance
        self._say = say
        self._deck = _deck(kinds, chance)

    def wait_for_flow(self) -> None:
        """Until posts flow for the first time as fast as they are sent, all the way into the counts."""
        began, flow = time.monotonic(), self._world.flow
        while flow.back(began, 0.8 * flow.rate) is None:
            self._look(began, "posts do not begin to flow")

    def inject_next(self) -> Fault:
        """The next fault, from its begin until posts flow again."""
        kind = KINDS[next(self._deck)]()
        time.sleep(self._chance.uniform(*_BETWEEN))
        normal = self._world.flow.normal(time.monotonic())
        began = time.monotonic()
        kind.inject(self._world, self._chance)
        try:
            time.sleep(self._chance.uniform(*kind.seconds))
        finally:
            kind.end(self._world)
        fault = self._measured(kind, began, time.monotonic(), normal / 2)
        self.faults.append(fault)
        recovered = "posts do not flow" if fault.recovered is None else f"back after {fault.recovered:.1f} s"
        self._say(f"{len(self.faults)}: {kind.name} for {fault.ended - began:.1f} s, {recovered}")
        return fault

    def _measured(self, kind: Kind, began: float, ended: float, half: float) -> Fault:
        while True:
            back = self._world.flow.back(ended + kind.shows, half)
            if back is not None or time.monotonic() > ended + _PATIENCE:
                recovered = None if back is None else back - ended
                return Fault(kind.name, kind.family, began, ended, recovered)
            self._look(ended, f"after {kind.name}")

    def _look(self, since: float, what: str) -> None:
        stack, sender = self._world.stack, self._world.sender
        if stack.context.cancelled.is_set():
            stack.wait()
            raise AssertionError(f"the launcher has given up {what}")
        if sender.failure is not None:
            raise sender.failure
        if time.monotonic() > since + 2 * _PATIENCE:
            raise AssertionError(f"{what}: nothing for {2 * _PATIENCE:.0f} s")
        time.sleep(_LOOK)


def _deck(kinds: Sequence[str], chance: random.Random) -> Iterator[str]:
    while True:
        round_of: list[str] = []
        for name in kinds:
            weight = KINDS[name]().weight
            whole = int(weight)
            round_of += [name] * (whole + (chance.random() < weight - whole))
        chance.shuffle(round_of)
        yield from round_of

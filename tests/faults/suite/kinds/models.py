"""Triton hangs, is slow, loses a model's process, or answers with wrong numbers; the models are rolled over."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from shared.settings import PACKAGE_ROOT
from tests.faults.suite.kinds.base import Kind
from tests.faults.suite.triton_front import Change, absurd_numbers, not_numbers, wrong_shape

if TYPE_CHECKING:
    from tests.faults.suite.world import World

_PATIENCE = 120


class Wrong(Kind):
    """Every answer of Triton says something that no model says."""

    family = "triton"
    seconds = (2.0, 6.0)

    def __init__(self, name: str, change: Change, what: str) -> None:
        self.name = f"triton-{name}"
        self._change = change
        self.proves = f"{what} is no decision: the server is at fault, and is waited for"

    def inject(self, world: World, chance: random.Random) -> None:
        """See Kind."""
        world.front.change = self._change

    def end(self, world: World) -> None:
        """See Kind."""
        world.front.change = None


class Slow(Kind):
    """Every inference takes up to two seconds longer."""

    name = "triton-slow"
    family = "triton"
    proves = "a slow Triton slows, and changes nothing"
    seconds = (3.0, 8.0)

    def inject(self, world: World, chance: random.Random) -> None:
        """See Kind."""
        world.front.slow = chance.uniform(0.2, 2.0)

    def end(self, world: World) -> None:
        """See Kind."""
        world.front.slow = 0.0


class DeadModel(Kind):
    """The process of one model instance dies, while the server says that it is ready."""

    name = "triton-model-dead"
    family = "triton"
    proves = "a model whose process died, behind a server that says it is ready, decides nothing"

    def inject(self, world: World, chance: random.Random) -> None:
        """See Kind."""
        stubs = [one for one in world.process("triton").children() if "stub" in " ".join(one.cmdline()[:1])]
        chance.choice(stubs).send_signal(signal.SIGKILL)


class Rolled(Kind):
    """Another version of the models, with the same graphs, takes over, or the one before comes back."""

    name = "models-rolled"
    family = "models"
    proves = "models may be rolled over and back while posts flow: each post is decided once, by one version"
    weight = 0.3

    def inject(self, world: World, chance: random.Random) -> None:
        """See Kind."""
        active = world.rolled
        words = ("activate", "2") if not active else ("rollback",)
        done = subprocess.run(
            [sys.executable, "-m", "services.cli", "models", *words, "--drain", "0", "--repository",
             str(world.settings.model_repository), "--server", world.stack.addresses["triton_url"]],
            cwd=PACKAGE_ROOT, capture_output=True, text=True, timeout=_PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        world.rolled = not active


WRONG = (
    ("nan", not_numbers, "NaN"),
    ("absurd", absurd_numbers, "a number beyond all bounds"),
    ("shape", wrong_shape, "an answer of another shape"),
)

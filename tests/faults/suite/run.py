"""A round: an instance, posts, faults, and the check. Rounds are short: a long run is many of them, and no larger than one."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.machine import revision
from tests.faults.suite.checker import Findings, check
from tests.faults.suite.engine import Engine, Fault
from tests.faults.suite.expected import undisturbed
from tests.faults.suite.kinds import KINDS
from tests.faults.suite.kinds.messages import ClockJump
from tests.faults.suite.world import World, world
from tests.versions import add_version, new_repository

_PATIENCE = 240.0
# So long nothing has changed when no more is to be expected.
_STILL = 60.0
_BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
_ROLLED = "models-rolled"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Round:
    """What a round came to, when it ended, and on which revision.

    `taken`: when each post that was lost or doubled was taken, for telling which fault did it. `stopped`: by Ctrl-C.
    """

    at: datetime
    revision: str
    seed: int
    rate: float
    faults: tuple[Fault, ...]
    posts: int
    seconds: float
    findings: Findings
    taken: dict[str, float]
    stopped: bool


def play(
    folder: Path, seed: int, kinds: Sequence[str], rate: float, over: Callable[[Sequence[Fault]], bool], say: Say
) -> Round:
    """Play a round until `over`, which is asked after each fault; with Ctrl-C it ends there, and what came so far is checked."""
    began = time.monotonic()
    # What the models are asked about, and whichever fault comes next, depend on the seed alone.
    chance = random.Random(f"faults of {seed}")
    repository = _repository(folder) if _ROLLED in kinds else None
    say(f"seed {seed}: starting")
    stopped = False
    jumping = [one.worker for one in (KINDS[name]() for name in kinds) if isinstance(one, ClockJump)]
    with world(folder, seed, rate, _BEGAN, jumping, repository) as made:
        engine = Engine(made, [name for name in KINDS if name in kinds], chance, say)
        made.flow.start()
        made.sender.start()
        made.clerk.start()
        try:
            engine.wait_for_flow()
            while not over(engine.faults):
                engine.inject_next()
        except KeyboardInterrupt:
            stopped = True
            say("stopped: checking what came until now")
        made.sender.finish(_PATIENCE)
        made.clerk.stop()
        say(f"{made.sender.sent} posts sent, waiting for the last of them")
        expected = undisturbed(made.settings, folder / "input.jsonl", folder / "expected")
        findings = _settled(made, lambda: check(made, expected), say)
        made.flow.stop()
        concerned = findings.lost | findings.doubled
        return Round(
            at=datetime.now(UTC),
            revision=revision(),
            seed=seed,
            rate=rate,
            faults=tuple(engine.faults),
            posts=made.sender.sent,
            seconds=time.monotonic() - began,
            findings=findings,
            taken={post: at for post, at in made.sender.taken.items() if post in concerned},
            stopped=stopped,
        )


def _settled(made: World, look: Callable[[], Findings], say: Say) -> Findings:
    """The findings when all is as it must be, or nothing changes any more."""
    findings, moved, before = look(), time.monotonic(), None
    while findings.wrong and time.monotonic() < moved + _STILL:
        state = (findings.wrong, made.flow.last().counted if made.flow.last() else 0)
        if state != before:
            before, moved = state, time.monotonic()
            say(f"not there yet: {'; '.join(findings.wrong)[:300]}")
        time.sleep(1.0)
        findings = look()
    return findings


def _repository(folder: Path) -> Path:
    """Two versions of the shipped models, with the same graphs."""
    shutil.rmtree(folder / "models", ignore_errors=True)
    repository = new_repository(folder / "models")
    add_version(repository, 2, "2027.1.0")
    return repository

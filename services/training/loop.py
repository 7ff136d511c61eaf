# mypy: disable-error-code="misc"
"""The way of a training run, whatever is learned: epochs, averaged weights, choice on held-out posts, early stop, resume."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from services.training.fitting import Optimiser, device, layered_rates
from services.training.options import Options
from shared.errors import AdrwatchError

Say = Callable[[str], None]
# What a run that was stopped goes on from lies beside its checkpoint until the run ends.
_RESUME = ".resume"
# Weights that are already close need smaller steps.
_CONTINUED = 0.7
_REPORT_EVERY = 50


@dataclass(frozen=True)
class Judged:
    """How good a model is on held-out posts. `score` chooses the epoch, `decided` is kept with the weights, `report` is read."""

    score: float
    decided: dict[str, Any]
    report: str


class Task(Protocol):
    """What a run learns."""

    name: str

    def batches(self, epoch: int, epochs: int, generator: random.Random) -> Sequence[Sequence[int]]:
        """The examples of each batch of an epoch, in order."""

    def loss(self, model: nn.Module, batch: Sequence[int]) -> Tensor:
        """The loss of one batch."""

    def judge(self, model: nn.Module) -> Judged:
        """Measure on held-out posts."""


def run(task: Task, model: Any, options: Options, out: Path, content: dict[str, Any], say: Say) -> dict[str, Any]:
    """Train and write the best epoch to `out` (a torch file): `content`, what was decided, weights. Gives the same.

    A run that was stopped goes on after its last whole epoch when it is started again with the same options.
    """
    torch.manual_seed(options.seed)
    generator = random.Random(options.seed)
    model.to(device())
    # The plan is drawn beforehand, so that the rates know how many steps there will be.
    plan = [task.batches(epoch, options.epochs, generator) for epoch in range(options.epochs)]
    rates = layered_rates(model, options.rate * (_CONTINUED if options.start else 1.0))
    optimiser = Optimiser(model, model.trunk.encoder, rates, sum(len(batches) for batches in plan))
    best: dict[str, Any] = {"score": -1.0}
    resume = out.with_name(out.name + _RESUME)
    first = 0
    if resume.is_file():
        kept = torch.load(resume, weights_only=False)
        if kept["options"] != asdict(options):
            raise AdrwatchError(
                f"{resume} is of a run with other options",
                fix="give the same options, or remove the file to begin anew",
            )
        optimiser.restore(kept["optimiser"])
        first, best = kept["epoch"] + 1, kept["best"]
        say(f"{task.name}: goes on with epoch {first}")
    for epoch in range(first, options.epochs):
        model.train()
        began, losses = time.monotonic(), []
        torch.manual_seed(options.seed + epoch)
        for batch in plan[epoch]:
            loss = task.loss(model, batch)
            optimiser.step(loss)
            losses.append(loss.item())
            if not np.isfinite(losses[-1]):
                raise AdrwatchError(f"the loss of epoch {epoch} is no number", fix="give a smaller `rate` in --config")
            if len(losses) % _REPORT_EVERY == 0:
                rate = len(losses) / (time.monotonic() - began)
                left = (len(plan[epoch]) - len(losses)) / rate
                mean = np.mean(losses[-_REPORT_EVERY:])
                say(
                    f"{task.name} epoch {epoch} batch {len(losses)} of {len(plan[epoch])} loss {mean:.4f}, {left:.0f} s left"
                )
        averaged = optimiser.averaged()
        judged = task.judge(averaged)
        say(f"{task.name} epoch {epoch} {time.monotonic() - began:.0f} s held-out {judged.score:.4f} {judged.report}")
        if judged.score > best["score"]:
            state = {name: value.cpu() for name, value in averaged.state_dict().items()}
            best = {**content, **judged.decided, "score": judged.score, "epoch": epoch, "state": state}
            best["options"] = asdict(options)
            torch.save(best, out)
        elif epoch - best["epoch"] >= options.patience:
            say(f"{task.name}: no better for {options.patience} epochs, ends")
            break
        torch.save({"options": asdict(options), "epoch": epoch, "best": best, "optimiser": optimiser.state()}, resume)
    resume.unlink(missing_ok=True)
    return best

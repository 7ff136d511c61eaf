"""The parts of a back-test: read, decide, keep; then evaluate what is kept, once for each set of rules."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rich.console import Console

from services.backtest.evaluation import Evaluation, Evaluator
from services.backtest.intake import Intake
from services.backtest.kept import Kept
from services.backtest.pipeline import LocalPipeline
from services.backtest.result import Result, account, moment
from services.backtest.stored import TopicPosts, fill
from services.backtest.stories import Calendar, steps, stories
from services.ingest.commands.report import RejectReport
from services.ingest.replay import Replay
from services.ingest.source import Reject, SourceBroken
from services.pipeline.process import Tools
from shared.events import Post
from shared.models.session import ModelPool
from shared.progress import Progress
from shared.settings import Settings
from shared.signals.rules import Rules
from shared.stream import Output


@dataclass(frozen=True)
class Reading:
    """The posts: a source, what makes a post or a reject of each of its records, and how many go in a batch."""

    source: Replay | TopicPosts
    accept: Callable[[Any], Post | Reject]
    batch_size: int


@dataclass(frozen=True)
class Decided:
    """How the posts that are kept came to be: `read` records, refused ones by reason, what decided them, how long it took.

    `trouble` is the error of a source that ended in the middle.
    """

    read: int
    model_version: str
    seconds: float
    rejected: dict[str, int] = field(default_factory=dict)
    backwards: int = 0
    trouble: SourceBroken | None = None


def decide(settings: Settings, reading: Reading, kept: Kept, console: Console, version: int | None = None) -> Decided:
    """Take posts through the pipeline into `kept`, with progress on `console`.

    `version` is that of the models where it is not the repository's active one. Raises AdrwatchError for models that do not fit,
    and a full disk.
    """
    tools = Tools.load(settings)
    if version is not None:
        tools = tools.with_version(settings.model_repository, version)
    started = time.monotonic()
    intake = _pipeline(settings, reading, tools, kept, console)
    return Decided(
        read=intake.read,
        model_version=tools.model_version,
        seconds=time.monotonic() - started,
        rejected=dict(intake.rejected),
        backwards=reading.source.backwards,
        trouble=intake.trouble,
    )


def take_over(records: Iterable[Output], kept: Kept, console: Console) -> Decided:
    """Keep outcomes and mentions that were decided before. No models are needed. Raises what reading them raises."""
    started, passed = time.monotonic(), Counter[str]()

    def follow(outputs: Iterable[Output]) -> Iterator[Output]:
        for output in outputs:
            passed[output.topic.suffix] += 1
            yield output

    def counts() -> str:
        return ", ".join(f"{number} {name}" for name, number in passed.items())

    with Progress(console, "records", lambda: (passed.total(), None), counts) as progress:
        read = fill(kept, follow(records), progress.follow)
    return Decided(read, ", ".join(sorted(kept.model_versions)), time.monotonic() - started)


def evaluate(
    kept: Kept,
    rules: Rules,
    decided: Decided,
    source: str,
    console: Console,
    *,
    to_the_end: bool,
    since: datetime | None = None,
) -> Result:
    """Hold what is kept against rules. `source` names the input; with `since` only alerts that were evaluated later are told."""
    started = time.monotonic()
    found = _evaluate(Evaluator(kept, rules, to_the_end=to_the_end), console)
    if since is not None:
        found.alerts = {name: alert for name, alert in found.alerts.items() if alert.evaluated_at >= since}
    alerts, bucket_ms = found.in_order(), rules.time.bucket_ms
    calendar = None
    if kept.first_ms is not None and kept.last_ms is not None:
        calendar = Calendar(kept.first_ms, kept.last_ms)
    return Result(
        source=source,
        account=account(decided.read, kept, found),
        statuses=dict(sorted(kept.statuses().items())),
        model_version=decided.model_version,
        rule_version=rules.stamp,
        overrides=rules.overrides,
        cool_down_hours=int(rules.policy.cool_down_hours.value),
        first=moment(kept.first_ms),
        last=moment(kept.last_ms),
        evaluated_until=moment(found.until_ms),
        open_hours=found.open_hours,
        open_reports=found.open_reports,
        publications=found.published,
        rejected=decided.rejected,
        backwards=decided.backwards,
        seconds=round(decided.seconds + time.monotonic() - started, 3),
        posts_per_second=round(decided.read / decided.seconds, 1) if decided.seconds else 0.0,
        steps=steps(calendar, alerts, bucket_ms) if calendar else None,
        stories=stories(calendar, alerts, found.fired_until, kept.rows(0, (kept.last_ms or 0) + 1), bucket_ms)
        if calendar
        else (),
        alerts=alerts,
    )


def _pipeline(settings: Settings, reading: Reading, tools: Tools, kept: Kept, console: Console) -> Intake:
    def counts() -> str:
        return f"{intake.read} read, {intake.rejected.total()} rejected"

    source = reading.source
    cores = len(os.sched_getaffinity(0))
    with (
        ModelPool(settings.model_repository, tools.numbers, cores) as models,
        Progress(console, "posts", lambda: source.progress, counts) as progress,
    ):
        named = RejectReport(progress.say, lambda reason: "the account counts them all")

        def refuse(reject: Reject) -> None:
            named(reject)
            kept.refuse(reject)

        intake = Intake(reading.accept, refuse)
        pipeline = LocalPipeline(tools, models.infer, settings, ahead=cores)
        for outputs in pipeline.run(intake.batches(progress.follow(iter(source)), reading.batch_size)):
            kept.add(outputs)
    return intake


def _evaluate(evaluator: Evaluator, console: Console) -> Evaluation:
    def counts() -> str:
        return f"{evaluator.done} of {evaluator.total} hours with reports, {len(evaluator.result.alerts)} alerts"

    with Progress(console, "rules", lambda: (evaluator.done, evaluator.total), counts) as progress:
        return evaluator.run(progress.follow)

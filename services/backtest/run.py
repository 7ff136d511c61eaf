"""A back-test from beginning to end: read, decide, keep, evaluate."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console

from services.backtest.evaluation import Evaluation, Evaluator
from services.backtest.intake import Intake
from services.backtest.kept import Kept
from services.backtest.pipeline import LocalPipeline
from services.backtest.result import Result, account, moment
from services.ingest.commands.report import RejectReport
from services.ingest.replay import Replay
from services.ingest.source import RawPost, Reject, SourceBroken
from services.pipeline.process import Tools
from shared.events import Post
from shared.models import classifier, extractor
from shared.models.session import ModelPool
from shared.progress import Progress
from shared.settings import Settings
from shared.signals.rules import Rules


@dataclass(frozen=True)
class Reading:
    """The posts: a source, what makes a post or a reject of each of its records, and how many go in a batch."""

    source: Replay
    accept: Callable[[RawPost], Post | Reject]
    batch_size: int


def run(
    settings: Settings, rules: Rules, reading: Reading, kept: Kept, console: Console, *, to_the_end: bool
) -> tuple[Result, SourceBroken | None]:
    """Fill `kept` and evaluate it, with progress on `console`. `rules` are those of the settings.

    Gives the result, and the error of a source that ended in the middle. Raises AdrwatchError for models that do not fit, and
    a full disk.
    """
    tools = Tools.load(settings)
    started = time.monotonic()
    intake = _decide(settings, reading, tools, kept, console)
    seconds = time.monotonic() - started
    evaluator = Evaluator(kept, rules, to_the_end=to_the_end)
    found = _evaluate(evaluator, console)
    result = Result(
        account=account(intake, kept, found),
        model_version=tools.model_version,
        rule_version=rules.stamp,
        overrides=rules.overrides,
        first=moment(kept.first_ms),
        last=moment(kept.last_ms),
        evaluated_until=moment(found.until_ms),
        open_hours=found.open_hours,
        open_reports=found.open_reports,
        publications=found.published,
        rejected=dict(intake.rejected),
        backwards=reading.source.backwards,
        seconds=round(time.monotonic() - started, 3),
        posts_per_second=round(intake.read / seconds, 1) if seconds else 0.0,
        alerts=found.in_order(),
    )
    return result, intake.trouble


def _decide(settings: Settings, reading: Reading, tools: Tools, kept: Kept, console: Console) -> Intake:
    """Take the posts through the pipeline."""

    def counts() -> str:
        return f"{intake.read} read, {intake.rejected.total()} rejected"

    source = reading.source
    cores = len(os.sched_getaffinity(0))
    with (
        ModelPool(settings.model_repository, (classifier.NAME, extractor.NAME), cores, tools.number) as models,
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

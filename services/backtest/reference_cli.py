"""`adrwatch models reference`: what a version of the classifier makes of a stream, kept beside it, for the watch over drift."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.groups import models
from services.ingest.commands import reading

if TYPE_CHECKING:
    from rich.console import Console

    from services.backtest.run import Reading
    from shared.models.reference import Reference
    from shared.settings import Settings


def register(_app: typer.Typer) -> None:
    """Add the command to the group of models."""
    models.command("reference")(reference)


def reference(
    files: reading.Files,
    form: reading.Form = None,
    id_column: reading.IdColumn = None,
    text_column: reading.TextColumn = None,
    time_column: reading.TimeColumn = None,
    author_column: reading.AuthorColumn = None,
    source_column: reading.SourceColumn = None,
    source_name: reading.SourceName = "replay",
    limit: reading.Limit = None,
    version: Annotated[str, typer.Option(help="Number of a version, or its name; none: the active one.")] = "",
    repository: Annotated[
        Path | None, typer.Option(help="Model repository [default: ADRWATCH_MODEL_REPOSITORY].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written.")] = False,
) -> None:
    """Take a stream through the pipeline in this process, and keep counts of what the classifier made of it as its reference.

    The file reference.json beside the model has counts only, nothing of any post. Workers hold their last posts against it, and
    tell by metrics how far they are from it (docs/drift.md). A worker that runs takes a new one up with its next start.

    Example: adrwatch models reference posts.jsonl
    """
    import msgspec
    from rich.console import Console

    from services.backtest.run import Reading
    from services.ingest.columns import Columns
    from services.models.versions import find
    from shared import logs
    from shared.models import classifier
    from shared.models.reference import REFERENCE, write_reference
    from shared.models.repository import locked
    from shared.settings import current

    settings = current()
    if repository is not None:
        settings = settings.model_copy(update={"model_repository": repository})
    logs.configure("models", settings.log_level)
    number = find(settings.model_repository, version)
    columns = Columns(id_column, text_column, time_column, author_column, source_column, None)
    source, accept = reading.open_files(settings, files, form, columns, source_name, limit=limit)
    made = collected(settings, number, Reading(source, accept, settings.batch_size), Console(stderr=True))
    folder = settings.model_repository / classifier.NAME / str(number)
    with locked(settings.model_repository):
        write_reference(folder, made)
    if as_json:
        typer.echo(msgspec.json.encode(made).decode())
        return
    typer.echo(
        f"{folder / REFERENCE}: {made.posts} posts that the screen let through, {made.positives.share:.1%} of them reports, "
        f"{made.pieces_per_word:.2f} word pieces per word"
    )


def collected(settings: Settings, number: int, posts: Reading, console: Console) -> Reference:
    """What a version makes of posts. Raises AdrwatchError for models that do not fit, and where the screen lets too few through.

    Raises SourceBroken where a file ends in the middle: nothing is kept of a part.
    """
    import os
    from dataclasses import replace

    from services.backtest.intake import Intake
    from services.backtest.pipeline import LocalPipeline
    from services.ingest.commands.report import RejectReport
    from services.pipeline.drift import Collector
    from services.pipeline.process import Tools
    from shared.models import classifier, extractor
    from shared.models.session import ModelPool
    from shared.progress import Progress

    tools = Tools.load(settings).with_version(settings.model_repository, number)
    collector = Collector(tools.classifier)
    tools = replace(tools, watch=collector)
    cores = len(os.sched_getaffinity(0))

    def counts() -> str:
        return f"{intake.read} read, {intake.rejected.total()} rejected"

    with (
        ModelPool(settings.model_repository, (classifier.NAME, extractor.NAME), cores, number) as pool,
        Progress(console, "posts", lambda: posts.source.progress, counts) as progress,
    ):
        intake = Intake(posts.accept, RejectReport(progress.say, lambda reason: "they are left out"))
        pipeline = LocalPipeline(tools, pool.infer, settings, ahead=cores)
        for _ in pipeline.run(intake.batches(progress.follow(iter(posts.source)), posts.batch_size)):
            pass
    if intake.trouble is not None:
        raise intake.trouble
    return collector.reference()

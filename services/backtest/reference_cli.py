"""`adrwatch models reference`, `models drift`: what a version of the classifier makes of a stream, kept beside it and compared."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.groups import models
from services.ingest.commands import reading
from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from services.backtest.run import Reading
    from services.pipeline.process import Tools
    from shared.settings import Settings


def register(_app: typer.Typer) -> None:
    """Add the command to the group of models."""
    models.command("reference")(reference)
    models.command("drift")(drift)


Version = Annotated[str, typer.Option(help="Number of a version, or its name; none: the active one.")]
Repository = Annotated[Path | None, typer.Option(help="Model repository [default: ADRWATCH_MODEL_REPOSITORY].")]


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
    version: Version = "",
    repository: Repository = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written.")] = False,
) -> None:
    """Take a stream through the pipeline in this process, and keep counts of what the classifier made of it as its reference.

    The file reference.json beside the model has counts only, nothing of any post. Workers hold their last posts against it, and
    tell by metrics how far they are from it (docs/drift.md). A worker that runs takes a new one up with its next start.

    Example: adrwatch models reference posts.jsonl
    """
    import msgspec

    from services.pipeline.drift import Collector
    from shared.models.reference import REFERENCE, write_reference
    from shared.models.repository import locked

    columns = (id_column, text_column, time_column, author_column, source_column, None)
    settings, number = _chosen(repository, version)
    tools, posts = _opened(settings, number, files, form, columns, source_name, limit)
    collector = Collector(tools.classifier)
    _take(settings, replace(tools, watch=collector), posts)
    made, folder = collector.reference(), _folder(settings, number)
    with locked(settings.model_repository):
        write_reference(folder, made)
    if as_json:
        typer.echo(msgspec.json.encode(made).decode())
        return
    typer.echo(
        f"{folder / REFERENCE}: {made.posts} posts that the screen let through, {made.positives.share:.1%} of them reports, "
        f"{made.pieces_per_word:.2f} word pieces per word"
    )


def drift(
    files: reading.Files,
    form: reading.Form = None,
    id_column: reading.IdColumn = None,
    text_column: reading.TextColumn = None,
    time_column: reading.TimeColumn = None,
    author_column: reading.AuthorColumn = None,
    source_column: reading.SourceColumn = None,
    source_name: reading.SourceName = "replay",
    limit: reading.Limit = None,
    version: Version = "",
    repository: Repository = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say how far the posts of files are from the reference of a version, as workers say it of their last posts (docs/drift.md).

    So a new source can be looked at before it is followed. Above .25 posts are not what the model was made for.

    Example: adrwatch models drift posts.jsonl
    """
    import msgspec

    from services.pipeline.drift import Watch
    from shared.models.reference import FEWEST, read_reference

    columns = (id_column, text_column, time_column, author_column, source_column, None)
    settings, number = _chosen(repository, version)
    tools, posts = _opened(settings, number, files, form, columns, source_name, limit)
    known = read_reference(_folder(settings, number), tools.classifier.metadata.version)
    if known is None:
        raise AdrwatchError(f"version {number} has no reference", fix="make one: `adrwatch models reference FILES`")
    watch = Watch(tools.classifier, known, sys.maxsize)
    _take(settings, replace(tools, watch=watch), posts)
    found = watch.distance()
    if found.posts < FEWEST:
        raise AdrwatchError(
            f"the screen let {found.posts} posts through, {FEWEST} are needed to say anything", fix="give a larger file"
        )
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    typer.echo(f"{found.posts} posts that the screen let through, against {known.posts} of the reference")
    typer.echo(f"scores: {found.scores:.3f}; pieces: {found.pieces:.3f} (.25: a shift)")
    typer.echo(f"word pieces per word: {found.pieces_per_word:.2f}, in the reference {known.pieces_per_word:.2f}")
    for name, share in found.positive_share.items():
        typer.echo(f"taken for reports of {name}: {share:.1%}, in the reference {known.of_source(name).share:.1%}")


def _chosen(repository: Path | None, version: str) -> tuple[Settings, int]:
    from services.models.versions import find
    from shared import logs
    from shared.settings import current

    settings = current()
    if repository is not None:
        settings = settings.model_copy(update={"model_repository": repository})
    logs.configure("models", settings.log_level)
    return settings, find(settings.model_repository, version)


def _folder(settings: Settings, number: int) -> Path:
    from shared.models import classifier

    return settings.model_repository / classifier.NAME / str(number)


def _opened(
    settings: Settings,
    number: int,
    files: list[str],
    form: str | None,
    columns: tuple[str | None, ...],
    source_name: str,
    limit: int | None,
) -> tuple[Tools, Reading]:
    """The tools of a version, and the posts. Raises AdrwatchError for models that do not fit, and files that cannot be read."""
    from services.backtest.run import Reading
    from services.ingest.columns import Columns
    from services.pipeline.process import Tools

    source, accept = reading.open_files(settings, files, form, Columns(*columns), source_name, limit=limit)
    tools = Tools.load(settings).with_version(settings.model_repository, number)
    return tools, Reading(source, accept, settings.batch_size)


def _take(settings: Settings, tools: Tools, posts: Reading) -> None:
    """Take the posts through the pipeline, whose `watch` sees them. Raises SourceBroken where a file ends in the middle."""
    import os

    from rich.console import Console

    from services.backtest.intake import Intake
    from services.backtest.pipeline import LocalPipeline
    from services.ingest.commands.report import RejectReport
    from shared.models.session import ModelPool
    from shared.progress import Progress

    cores = len(os.sched_getaffinity(0))

    def counts() -> str:
        return f"{intake.read} read, {intake.rejected.total()} rejected"

    with (
        ModelPool(settings.model_repository, tools.numbers, cores) as pool,
        Progress(Console(stderr=True), "posts", lambda: posts.source.progress, counts) as progress,
    ):
        intake = Intake(posts.accept, RejectReport(progress.say, lambda reason: "they are left out"))
        pipeline = LocalPipeline(tools, pool.infer, settings, ahead=cores)
        for _ in pipeline.run(intake.batches(progress.follow(iter(posts.source)), posts.batch_size)):
            pass
    if intake.trouble is not None:
        raise intake.trouble

"""`adrwatch ingest replay`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from services.ingest.commands import reading
from shared.errors import AdrwatchError


def replay(
    files: reading.Files,
    form: reading.Form = None,
    id_column: reading.IdColumn = None,
    text_column: reading.TextColumn = None,
    time_column: reading.TimeColumn = None,
    author_column: reading.AuthorColumn = None,
    source_column: reading.SourceColumn = None,
    language_column: reading.LanguageColumn = None,
    source_name: reading.SourceName = "replay",
    identifiers: reading.Identifiers = None,
    aggregates_only: reading.AggregatesOnly = None,
    case_export: reading.CaseExport = None,
    speed: Annotated[str, typer.Option(help="Multiple of real time, such as 60, or max.")] = "max",
    limit: reading.Limit = None,
    sort: Annotated[bool, typer.Option("--sort", help="Sort by time first, in memory.")] = False,
    give_up: Annotated[
        float, typer.Option(min=1, help="Seconds until a record that the broker does not take has failed.")
    ] = 120.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the account as JSON.")] = False,
) -> None:
    """Publish the posts of files with their own times, and account for every record.

    Usual column names are found by themselves.
    Lines that are no posts go to the dead letters and are named on standard error by file and line.
    The account at the end must balance: read = delivered + rejected.
    Exit code 1: it does not, or a delivery failed; 2: nothing could be read or sent, or a file ends in the middle.

    Example: adrwatch ingest replay posts.jsonl.gz --speed 60 --source-name forum
    """
    from rich.console import Console

    from services.ingest.columns import Columns
    from services.ingest.commands.report import RejectReport, account_table, counts
    from services.ingest.producer import delivery
    from services.ingest.publish import Account, publish
    from services.ingest.replay import pace
    from services.ingest.stopping import StopSignal
    from shared.broker import require_topics
    from shared.console import tables
    from shared.progress import Progress
    from shared.settings import current
    from shared.topics import DEAD_LETTERS, POSTS

    settings = current()
    multiple = _speed(speed)
    wanted = Columns(id_column, text_column, time_column, author_column, source_column, language_column)
    source, accept = reading.open_files(
        settings,
        files,
        form,
        wanted,
        source_name,
        identifiers=identifiers,
        aggregates_only=aggregates_only,
        case_export=case_export,
        sort=sort,
        limit=limit,
    )

    require_topics(settings, [POSTS, DEAD_LETTERS])
    account = Account()
    console = Console(stderr=True)
    with (
        delivery(settings, give_up) as outgoing,
        StopSignal() as stop,
        Progress(console, "replay", lambda: source.progress, lambda: counts(account)) as progress,
    ):
        trouble = publish(
            progress.follow(pace(iter(source), multiple)),
            accept,
            outgoing,
            account,
            stop,
            prefix=settings.topic_prefix,
            on_reject=RejectReport(progress.say),
        )
    if as_json:
        print(json.dumps({**account.as_dict(), "backwards": source.backwards}))
    else:
        tables().print(account_table(account))
    if source.disordered and not sort:
        progress.say(
            f"warning: {source.backwards} of {source.posts} posts are older than the one before; --sort puts them in order"
        )
    if trouble is not None:
        raise trouble
    if account.failed or account.unacknowledged:
        errors = ", ".join(account.failed) or "no answer"
        progress.say(f"adrwatch: the broker did not take every record ({errors}); replay again, ids repeat harmlessly")
    if account.interrupted:
        raise typer.Exit(130)
    if not account.complete:
        raise typer.Exit(1)


def _speed(speed: str) -> float | None:
    if speed == "max":
        return None
    try:
        multiple = float(speed)
    except ValueError:
        multiple = 0.0
    if not 0 < multiple < float("inf"):
        raise AdrwatchError(f"--speed {speed} is no speed", fix="give a multiple of real time, such as 60, or max")
    return multiple

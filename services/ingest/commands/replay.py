"""`adrwatch ingest replay`."""

from __future__ import annotations

import functools
import json
from datetime import timedelta
from typing import Annotated, Literal

import typer

from shared.errors import AdrwatchError

Format = Literal["jsonl", "csv", "tsv"]


def replay(
    files: Annotated[
        list[str], typer.Argument(help="JSONL, CSV or TSV, plain or .gz, .xz, .zst; - is standard input.")
    ],
    form: Annotated[Format | None, typer.Option("--format", help="Where the file's name does not tell it.")] = None,
    id_column: Annotated[str | None, typer.Option("--id", help="Column of the post's id.")] = None,
    text_column: Annotated[str | None, typer.Option("--text", help="Column of the text.")] = None,
    time_column: Annotated[
        str | None, typer.Option("--time", help="Column of the time; without offset it is UTC.")
    ] = None,
    author_column: Annotated[
        str | None, typer.Option("--author", help="Column of the author; only a hash is kept.")
    ] = None,
    source_column: Annotated[str | None, typer.Option("--source", help="Column of the network's name.")] = None,
    language_column: Annotated[str | None, typer.Option("--language", help="Column of the language's code.")] = None,
    source_name: Annotated[str, typer.Option(help="Name of the network where no column has it.")] = "replay",
    identifiers: Annotated[
        bool, typer.Option(help="Keep author hashes; not for sources whose terms forbid it.")
    ] = True,
    speed: Annotated[str, typer.Option(help="Multiple of real time, such as 60, or max.")] = "max",
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many records.")] = None,
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

    from services.ingest.accept import Limits, accept
    from services.ingest.columns import Columns
    from services.ingest.commands.report import Progress, RejectReport, account_table
    from services.ingest.producer import delivery
    from services.ingest.publish import Account, publish
    from services.ingest.readers import SOURCE_NAME, format_of, open_reader
    from services.ingest.replay import Replay, pace
    from services.ingest.source import Policy
    from services.ingest.stopping import StopSignal
    from shared.broker import require_topics
    from shared.console import tables
    from shared.events import now
    from shared.settings import current
    from shared.text.identity import author_hash, author_secret
    from shared.topics import DEAD_LETTERS, POSTS

    if not SOURCE_NAME.fullmatch(source_name):
        raise AdrwatchError(
            f"{source_name!r} is no name of a source", fix="use small letters, digits, - and _, such as forum-1"
        )
    settings = current()
    multiple = _speed(speed)
    hashed = functools.partial(author_hash, author_secret(settings))
    wanted = Columns(id_column, text_column, time_column, author_column, source_column, language_column)
    readers = [open_reader(path, format_of(path, form), wanted, source_name, hashed) for path in files]
    source = Replay(readers, Policy(identifiers), sort=sort, limit=limit)
    limits = Limits(settings.max_post_chars, timedelta(seconds=settings.future_limit))

    require_topics(settings, [POSTS, DEAD_LETTERS])
    account = Account()
    console = Console(stderr=True)
    with (
        delivery(settings, give_up) as outgoing,
        StopSignal() as stop,
        Progress(console, source, account) as progress,
    ):
        trouble = publish(
            progress.follow(pace(iter(source), multiple)),
            lambda raw: accept(raw, source.policy, limits, hashed, now()),
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

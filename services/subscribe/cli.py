"""`adrwatch subscribe mentions|alerts`."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from services.subscribe.kinds import Kind
    from services.subscribe.output import File
    from services.subscribe.selection import Selection

subscribe = typer.Typer(help="Get mentions and alerts from their topics, to look at or as files.", no_args_is_help=True)

# What a table shows where nobody says how much.
_SHOWN = 50
# Clocks of writers differ; what was written so long before a moment is looked at, too.
_MARGIN = timedelta(days=1)


class AlertKind(StrEnum):
    """The kinds of alerts."""

    disproportionality = "disproportionality"
    single_report = "single_report"


_WORDS = "id, or a part of the name, without case; may be repeated"
Drugs = Annotated[list[str] | None, typer.Option("--drug", help=f"only this drug: {_WORDS}")]
Reactions = Annotated[list[str] | None, typer.Option("--reaction", help=f"only this reaction: {_WORDS}")]
Since = Annotated[str, typer.Option(help="from this day or moment (UTC) on, `beginning` or `now`")]
Until = Annotated[str | None, typer.Option(help="to this day, all of it, or to before this moment (UTC), or `now`")]
Follow = Annotated[bool, typer.Option("--follow/--no-follow", help="stay, and show what comes and is taken back")]
Json = Annotated[bool, typer.Option("--json", help="one JSON object a line")]
Csv = Annotated[Path | None, typer.Option("--csv", help="write CSV to this file; - for standard output")]
Parquet = Annotated[Path | None, typer.Option("--parquet", help="write Parquet to this file")]
Force = Annotated[bool, typer.Option("--force", help="write over a file that is there")]
Limit = Annotated[int | None, typer.Option(min=1, help="at most so many, the latest")]
Group = Annotated[
    str | None, typer.Option(help="keep the place under this name: the next run gives only what came since")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(subscribe, name="subscribe")


@subscribe.command("mentions")
def mentions(
    drug: Drugs = None, reaction: Reactions = None, since: Since = "beginning", until: Until = None,
    follow: Follow = False, as_json: Json = False, csv: Csv = None, parquet: Parquet = None, force: Force = False,
    limit: Limit = None, group: Group = None,
) -> None:  # fmt: skip
    """Get mentions: one drug and one reaction that a post asserts, each once; those of posts that were taken back are left out.

    Example: adrwatch subscribe mentions --drug sertraline --since 2026-03-01 --parquet mentions.parquet
    """
    from services.subscribe.kinds import MENTION

    _run(
        MENTION,
        _selection(drug, reaction, since, until, None),
        follow,
        as_json,
        _file(csv, parquet, force),
        limit,
        group,
    )


@subscribe.command("alerts")
def alerts(
    drug: Drugs = None, reaction: Reactions = None,
    kind: Annotated[AlertKind | None, typer.Option(help="only alerts of this kind")] = None,
    since: Since = "beginning", until: Until = None,
    follow: Follow = False, as_json: Json = False, csv: Csv = None, parquet: Parquet = None, force: Force = False,
    limit: Limit = None, group: Group = None,
) -> None:  # fmt: skip
    """Get alerts, each as it was last updated; those that were taken back are left out.

    Example: adrwatch subscribe alerts --kind disproportionality --csv -
    """
    from services.subscribe.kinds import ALERT

    selection = _selection(drug, reaction, since, until, kind.value if kind else None)
    _run(ALERT, selection, follow, as_json, _file(csv, parquet, force), limit, group)


def _selection(
    drug: list[str] | None, reaction: list[str] | None, since: str, until: str | None, kind: str | None
) -> Selection:
    from services.subscribe.selection import Selection, since_option, until_option

    for option, words in (("--drug", drug), ("--reaction", reaction)):
        if any(not word.strip() for word in words or ()):
            raise AdrwatchError(f"{option} is empty", fix="give an id or a part of a name, or leave it out")
    first, last = since_option(since), until_option(until)
    if first is not None and last is not None and first >= last:
        raise AdrwatchError("--until is not after --since", fix="give a later one")
    return Selection(tuple(drug or ()), tuple(reaction or ()), first, last, kind)


def _file(csv: Path | None, parquet: Path | None, force: bool) -> File | None:
    from services.subscribe.output import STDOUT, File

    if csv is not None and parquet is not None:
        raise AdrwatchError(
            "--csv and --parquet are two forms", fix="give one, and run the command again for the other"
        )
    if parquet == STDOUT:
        raise AdrwatchError("Parquet cannot be written to standard output", fix="give a file")
    if csv is not None:
        return File(csv, "csv", force)
    return File(parquet, "parquet", force) if parquet is not None else None


def _check(follow: bool, as_json: bool, file: File | None, limit: int | None, group: str | None) -> None:
    """Refuse what does not go together."""
    if file is not None and as_json:
        raise AdrwatchError("--json goes to standard output, and a file was given too", fix="give one of them")
    if file is not None and follow:
        raise AdrwatchError(
            "a file appears whole, and --follow never ends", fix="use --json with --follow, or --group daily"
        )
    if group is not None and limit is not None:
        raise AdrwatchError("--limit would pass over what --group then counts as given", fix="leave one of them out")
    if group is not None and file is not None and file.force:
        raise AdrwatchError(
            "with --group every file holds what no other does, and --force could write over one",
            fix="give each run a file of its own",
        )
    if group is not None and not (as_json or file is not None or follow):
        raise AdrwatchError(
            "a table shows the latest only, and --group keeps a place after all", fix="add --json or --csv"
        )
    if file is not None:
        file.check()


def _run(
    kind: Kind[Any], selection: Selection, follow: bool, as_json: bool, file: File | None, limit: int | None,
    group: str | None,
) -> None:  # fmt: skip
    from rich.console import Console

    from services.subscribe.feed import Feed
    from services.subscribe.output import Lines, table
    from services.subscribe.run import Subscription
    from services.subscribe.shelf import Shelf
    from shared import settings
    from shared.console import tables
    from shared.signals.windows import to_ms

    _check(follow, as_json, file, limit, group)
    current = settings.current()
    margin = max(_MARGIN, timedelta(seconds=current.future_limit))
    # In ms, for the calendar may begin within the margin.
    since_ms = max(0, to_ms(selection.since) - int(margin.total_seconds() * 1000)) if selection.since else None
    console = Console(stderr=True)
    with Shelf() as shelf, Feed(current, kind.topic, kind.deletions, group, since_ms) as feed:
        if feed.gone:
            _say(f"{feed.gone:,} records were let go of by the topic before group {group} had read them")
        run = Subscription(kind, selection, feed, shelf)
        with run.progress(console) as progress:
            run.collect(progress)
        try:
            if file is not None:
                run.give_file(file, limit)
            elif as_json or follow:
                lines = Lines(kind, as_json, limit)
                run.give_lines(lines, limit if as_json else limit or _SHOWN)
                if follow:
                    with suppress(KeyboardInterrupt):
                        run.follow(lines, run.progress(console))
            else:
                tables().print(table(kind, list(shelf.values(limit or _SHOWN))))
        except BrokenPipeError:
            # Whoever read standard output has gone. What is left in its buffer is not to be written when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        counts = shelf.counts()
        shown = (
            f", the latest {limit or _SHOWN} shown"
            if file is None and not as_json and counts.kept > (limit or _SHOWN)
            else ""
        )
        _say(run.account.words(counts) + shown)
    if group is None:
        for stranger in selection.strangers():
            _say(stranger)


def _say(line: str) -> None:
    print(f"adrwatch: {line}", file=sys.stderr)

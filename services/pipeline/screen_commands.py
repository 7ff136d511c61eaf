"""`adrwatch screen counts|sample`: what the screen took out, for people to judge."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from services.pipeline.screened import Drawn, Screened
    from shared.settings import Settings

group = typer.Typer(help="What the screen took out: counts, and a sample to judge.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Since = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="Only posts written from this day or UTC time on."),
]
_NOTHING = "the screen took out no post"
_COLUMNS = ("reason", "source", "day", "id", "text")


@group.command()
def counts(since: Since = None, as_json: AsJson = False) -> None:
    """How many posts the screen took out, by day, source and reason, beside all posts of that day and source.

    Reads adr.outcomes from its beginning (200 days); a post counts once, by its last outcome.

    Example: adrwatch screen counts --since 2026-03-01
    """
    from rich.table import Column, Table

    from shared.console import tables

    with _read(since) as (screened, _):
        found = screened.counts()
    if as_json:
        print(json.dumps([asdict(count) for count in found]))
        return
    if not found:
        print(_NOTHING)
        return
    table = Table("day", "source", "reason", *(Column(name, justify="right") for name in ("posts", "of", "share")))
    for count in found:
        share = f"{count.posts / count.of:.1%}"
        table.add_row(count.day, count.source, count.reason, f"{count.posts:,}", f"{count.of:,}", share)
    tables().print(table)


@group.command()
def sample(
    reason: Annotated[str | None, typer.Option(help="Only this reason, such as advert, bot, language.")] = None,
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="Posts of each reason, at most.")] = 50,
    since: Since = None,
    seed: Annotated[int, typer.Option(help="Which posts are drawn; the same seed draws the same ones.")] = 13,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print as CSV.")] = False,
) -> None:
    """Draw posts that the screen took out, with their masked text, to judge whether it was right.

    Only posts whose text still lies in adr.posts can be drawn (7 days; deleted ones never, nor those of sources of which only
    aggregates may be kept).

    Example: adrwatch screen sample --reason advert -n 20 --csv > adverts.csv
    """
    if as_json and as_csv:
        raise AdrwatchError("--json and --csv are both given", fix="choose one")
    from shared.broker import TopicReader
    from shared.topics import POSTS

    with _read(since, seed) as (screened, settings):
        reasons = screened.reasons()
        if reason is not None and reason not in reasons:
            raise AdrwatchError(
                f"the screen took out no post as {reason}",
                fix=f"these reasons occur: {', '.join(reasons) or 'none'}; see `adrwatch screen counts`",
            )
        with TopicReader(settings, POSTS) as reader:
            screened.note_kept(reader.to_end())
        # What was kept is known only at the topic's end: a second reading brings the texts of the few that are drawn.
        with TopicReader(settings, POSTS) as reader:
            drawn = screened.sample(number, reader.to_end(), reason)
    _print(drawn, as_json, as_csv)
    if not reasons:
        typer.echo(_NOTHING, err=True)
    for name in sorted({name for name in reasons if reason in (None, name)} - {post.reason for post in drawn}):
        typer.echo(f"{name}: {reasons[name]:,} posts, and the text of none is kept any more", err=True)


@contextmanager
def _read(since: datetime | None, seed: int = 13) -> Iterator[tuple[Screened, Settings]]:
    from services.pipeline.screened import Screened
    from shared.broker import TopicReader
    from shared.settings import current
    from shared.topics import OUTCOMES

    settings = current()
    moment = since.replace(tzinfo=UTC) if since is not None else None
    with Screened(seed, moment) as screened:
        with TopicReader(settings, OUTCOMES) as reader:
            screened.read_outcomes(reader.to_end())
        yield screened, settings
        if screened.unreadable:
            typer.echo(f"{screened.unreadable} records are no messages of adrwatch and were left out", err=True)


def _print(drawn: list[Drawn], as_json: bool, as_csv: bool) -> None:
    from shared.console import printable, safe_cell

    if drawn:
        typer.echo("posts that people wrote: do not copy them into tickets or chats", err=True)
    if as_json:
        print(json.dumps([asdict(post) for post in drawn], ensure_ascii=False))
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows([safe_cell(getattr(post, name)) for name in _COLUMNS] for post in drawn)
    else:
        for post in drawn:
            print(f"[{post.reason}] {post.source} {post.day}: {printable(' '.join(post.text.split()))}")

"""The command: read the files, read the topics until nothing moves, print the account."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from deploy.reconcile.account import Account
    from deploy.reconcile.rows import Row
    from deploy.reconcile.topics import Results

_PAUSE = 0.3
# Signals are evaluated a moment after the last record is committed: so many of alerting's periods must have been quiet.
_QUIET_PERIODS = 3


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command()(reconcile)


def reconcile(
    files: Annotated[
        list[Path], typer.Argument(help="JSONL, CSV or TSV, plain, .gz, .xz or .zst, as they were replayed")
    ],
    id_column: Annotated[str | None, typer.Option("--id", help="column of the id [default: the usual names]")] = None,
    source_name: Annotated[str, typer.Option(help="source of posts that name none")] = "replay",
    source: Annotated[str | None, typer.Option(help="column that names the source")] = None,
    aggregates_only: Annotated[
        list[str] | None,
        typer.Option(help="source of which only aggregates are kept: its posts' ids are hashes; several times"),
    ] = None,
    wait: Annotated[float, typer.Option(min=0, help="give up when nothing has moved for so many seconds")] = 0.0,
    show_missing: Annotated[Path | None, typer.Option(help="write the ids that are lost to this file")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object instead")] = False,
) -> None:
    """Count what went in and what came out; exit 1 if a post was lost.

    Reads the files by itself and the topics with a consumer of its own. Screened, classified and mentions are those of
    the posts in the files; alerts and dead letters are all that the topics hold.

    Example: adrwatch reconcile posts.jsonl --wait 30
    """
    from deploy.reconcile.rows import Reading, read_rows
    from deploy.reconcile.topics import Results
    from shared.keyring import keyring
    from shared.settings import current
    from shared.text.identity import post_hash

    def warn(text: str) -> None:
        typer.echo(text, err=True)

    settings = current()
    secrets = keyring(settings).secrets if aggregates_only else ()

    def names(name: str, native: str) -> list[str]:
        return [post_hash(secret, name, native) for secret in secrets]

    hashed = {name: functools.partial(names, name) for name in aggregates_only or ()}
    reading = Reading(id_column, source_name, source, hashed)
    rows = [row for path in files for row in read_rows(path, reading, warn)]
    if len({row.file for row in rows}) < len(files):
        warn("two files have one name, or one has no posts: refused lines are told apart by the name of the file")
    with Results(settings) as results:
        result = settle(rows, results, wait, quiet=_QUIET_PERIODS * settings.evaluate_every)
    if results.unreadable:
        warn(f"{results.unreadable} records of the result topics are no messages of adrwatch")
    if result.missing:
        warn(
            f"{len(result.missing)} posts have no outcome"
            + ("" if show_missing else "; --show-missing FILE lists them")
        )
    if show_missing:
        _write(show_missing, result.missing)
    typer.echo(json.dumps(result.numbers()) if as_json else result.line())
    if result.lost:
        raise typer.Exit(1)


def settle(rows: Sequence[Row], results: Results, wait: float, quiet: float) -> Account:
    """The account once all is done (every post has its outcome, no worker lags, nothing new for `quiet` seconds) or stands still.

    `wait` is the time in seconds after which it stands still; 0 takes the topics as they are.
    """
    from deploy.reconcile.account import account

    moved = time.monotonic()
    behind = None
    while True:
        new = results.read()
        result = account(rows, results.seen)
        lag = results.lag() if wait else 0
        if new or lag != behind:
            moved = time.monotonic()
        behind = lag
        done = not result.lost and not lag
        if time.monotonic() - moved >= (min(wait, quiet) if done else wait):
            return result
        time.sleep(_PAUSE)


def _write(path: Path, missing: Sequence[str]) -> None:
    try:
        path.write_text("".join(f"{key}\n" for key in missing))
    except OSError as error:
        raise AdrwatchError(f"{path} cannot be written: {error.strerror}", fix="give another path") from None

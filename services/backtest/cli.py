"""`adrwatch backtest`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.ingest.commands import reading
from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from services.backtest.result import Result


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command()(backtest)


def backtest(
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
    limit: reading.Limit = None,
    rules: Annotated[Path | None, typer.Option(help="A rule file to try [default: ADRWATCH_RULES_FILE]")] = None,
    drugs: Annotated[
        Path | None, typer.Option(help="A drug list, as `drugs export` writes it [default: ADRWATCH_DRUGS_FILE]")
    ] = None,
    to_the_end: Annotated[
        bool, typer.Option("--to-the-end", help="Evaluate the last hours too, which live would still be open.")
    ] = False,
    batch_size: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Posts in a micro-batch [default: ADRWATCH_BATCH_SIZE]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for outcomes.jsonl, mentions.jsonl, alerts.jsonl.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the files of --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, with all alerts.")] = False,
) -> None:
    """Take the posts of files through the whole product in this process, and show the alerts it would have raised.

    Needs no server. Mentions, outcomes and alerts are those that `ingest replay --sort` leads to on a running instance with the
    same models, rules, drug list and author secret.
    Exit code 2: no post could be read, a file ends in the middle, or the rules are wrong.

    Example: adrwatch backtest posts.csv.gz --rules my-rules.toml --out results/
    """
    import msgspec
    from rich.console import Console

    from services.backtest import export
    from services.backtest.kept import Kept
    from services.backtest.run import Reading, run
    from services.ingest.columns import Columns
    from shared import logs
    from shared.events import encode
    from shared.settings import current
    from shared.signals.rules import load_rules

    settings = current()
    if rules is not None:
        settings = settings.model_copy(update={"rules_file": rules})
    if drugs is not None:
        settings = settings.model_copy(update={"drugs_file": drugs})
    logs.configure("backtest", settings.log_level)
    loaded = load_rules(settings.rules_file)
    if out is not None:
        export.check(out, force=force)
    wanted = Columns(id_column, text_column, time_column, author_column, source_column, language_column)
    source, accept = reading.open_files(
        settings, files, form, wanted, source_name, identifiers=identifiers, limit=limit
    )
    with Kept() as kept:
        posts = Reading(source, accept, batch_size or settings.batch_size)
        result, trouble = run(settings, loaded, posts, kept, Console(stderr=True), to_the_end=to_the_end)
        if as_json:
            print(msgspec.json.encode(result).decode())
        else:
            _show(result)
        if source.disordered:
            typer.echo(
                f"warning: {source.backwards} of {source.posts} posts are older than the one before; they count here by "
                "their time, while `ingest replay` without --sort may bring them too late",
                err=True,
            )
        if out is not None and result.first is not None:
            alerts = map(encode, result.alerts)
            records = (kept.outcome_records(), kept.mention_records(), alerts)
            export.write(out, dict(zip(export.NAMES, records, strict=True)))
    if trouble is not None:
        raise trouble
    if result.first is None:
        raise AdrwatchError(f"no record of {', '.join(files)} is a post", fix="see the reasons above")


def _show(result: Result) -> None:
    from services.alerting.view import grid
    from shared.console import tables

    if result.alerts:
        tables().print(grid(result.alerts[::-1]))
    else:
        print("no alerts")
    if result.first and result.last and result.evaluated_until:
        print(
            f"posts of {result.first:%Y-%m-%d %H:%M} to {result.last:%Y-%m-%d %H:%M} UTC, "
            f"evaluated until {result.evaluated_until:%Y-%m-%d %H:%M}"
        )
    if result.open_hours:
        print(
            f"still open at the end, as it would be live: {result.open_hours} h with {result.open_reports} reports "
            "(--to-the-end evaluates them)"
        )
    other = f" ({', '.join(result.overrides)})" if result.overrides else ""
    print(f"rules {result.rule_version}{other}, models {result.model_version}")
    print(f"{result.seconds:.1f} s, {result.posts_per_second:.0f} posts/s")
    print(result.account.line())

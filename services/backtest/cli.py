"""`adrwatch backtest`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from services.ingest.commands import reading
from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from services.backtest.result import Result

Force = Annotated[bool, typer.Option("--force", help="Replace the files of --out and --report.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, with all alerts.")]
Report = Annotated[
    Path | None, typer.Option(help="A page: FILE.html, or a folder for HTML, Markdown, figures and JSON.")
]
Files = Annotated[
    list[str] | None,
    typer.Argument(
        help="JSONL, CSV or TSV, plain or .gz, .xz, .zst; - is standard input. Or one folder that --out wrote."
    ),
]


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command()(backtest)


def backtest(
    files: Files = None,
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
    topic: Annotated[
        Literal["posts", "outcomes"] | None,
        typer.Option(help="Instead of files: what a running instance holds; outcomes need no models."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", help="Posts from this day or moment (UTC) on; of outcomes, alerts from then on."),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Posts to this day, all of it, or to before this moment (UTC).")
    ] = None,
    rules: Annotated[Path | None, typer.Option(help="A rule file to try [default: ADRWATCH_RULES_FILE]")] = None,
    against: Annotated[
        Path | None, typer.Option(help="A second rule file: compare what both would have alerted.")
    ] = None,
    against_models: Annotated[
        str | None, typer.Option(help="Second models: a version of the repository, or the folder of another one.")
    ] = None,
    drugs: Annotated[
        Path | None, typer.Option(help="A drug list, as `drugs export` writes it [default: ADRWATCH_DRUGS_FILE]")
    ] = None,
    to_the_end: Annotated[
        bool, typer.Option("--to-the-end", help="Evaluate the last hours too, which live would still be open.")
    ] = False,
    batch_size: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Posts in a micro-batch [default: ADRWATCH_BATCH_SIZE]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for outcomes.jsonl, mentions.jsonl, alerts.jsonl, result.json.")
    ] = None,
    report: Report = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Take posts through the whole product in this process, and show the alerts they would have raised.

    The posts of files need no server. Mentions, outcomes and alerts are those that `ingest replay --sort` leads to on a running
    instance with the same models, rules, drug list and author secret.
    Exit code 2: no post could be read, a file ends in the middle, or the rules are wrong.

    Example: adrwatch backtest posts.csv.gz --rules my-rules.toml --out results/ --report report.html

    Example: adrwatch backtest --topic outcomes --from 2026-03-01 --against my-rules.toml
    """
    import msgspec

    from services.backtest import export, pages
    from services.backtest.comparison import compare
    from services.backtest.inputs import Asked, Runs
    from services.backtest.kept import Kept
    from services.ingest.columns import Columns
    from shared import logs
    from shared.events import encode
    from shared.settings import current

    settings = current()
    if rules is not None:
        settings = settings.model_copy(update={"rules_file": rules})
    if drugs is not None:
        settings = settings.model_copy(update={"drugs_file": drugs})
    logs.configure("backtest", settings.log_level)
    wanted = Columns(id_column, text_column, time_column, author_column, source_column, language_column)
    asked = Asked(
        files or [], topic, start, end, form, wanted, source_name, identifiers, limit,
        batch_size or settings.batch_size, to_the_end,
    )  # fmt: skip
    runs = Runs(settings, asked, against, against_models)
    if out is not None:
        export.check(out, force=force)
    if report is not None:
        pages.check(report, of_two=runs.two, force=force)
    with Kept() as kept:
        result, other = runs.run(kept)
        comparison = None if other is None else compare(runs.names[0], result, runs.names[1], other)
        if as_json:
            whole = result if comparison is None else {"a": result, "b": other, "comparison": comparison}
            print(msgspec.json.encode(whole).decode())
        else:
            _show(result)
            if comparison is not None:
                pages.show(comparison)
        if runs.disordered is not None:
            typer.echo(
                f"warning: {result.backwards} of {runs.disordered} posts are older than the one before; they count here by "
                "their time, while `ingest replay` without --sort may bring them too late",
                err=True,
            )
        if result.first is not None:
            if out is not None:
                alerts = map(encode, result.alerts)
                records = (kept.outcome_records(), kept.mention_records(), alerts, [msgspec.json.encode(result)])
                export.write(out, dict(zip(export.NAMES, records, strict=True)))
            if report is not None:
                pages.write(report, result if comparison is None else comparison)
    if runs.trouble is not None:
        raise runs.trouble
    if result.first is None:
        raise AdrwatchError(f"no record of {result.source} is a post", fix="see the reasons above")


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

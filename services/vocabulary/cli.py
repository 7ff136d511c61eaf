"""The commands of the vocabularies: `adrwatch vocabulary build|coverage|lookup|misspellings`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the group `vocabulary` to the command."""
    group = typer.Typer(help="Names of medicines and reactions: look them up, build them.", no_args_is_help=True)
    group.command()(lookup)
    group.command()(coverage)
    group.command()(misspellings)
    group.command()(build)
    app.add_typer(group, name="vocabulary")


_LANGUAGE = typer.Option(help="of what is looked at: en, ru, zh, de or fr")


def lookup(
    phrase: Annotated[str, typer.Argument(help="a reaction, a medicine, or a whole post")],
    language: Annotated[str, _LANGUAGE] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """Show which concepts a phrase is mapped to and by which step, the nearest candidates, and codes where they are set up.

    Example: adrwatch vocabulary lookup "couldnt sleep"
    """
    from rich.table import Table

    from services.vocabulary.lookup import Found, look_up
    from shared import settings
    from shared.console import tables

    found = look_up(phrase, settings.current(), language)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(one) for one in found]))
        return
    table = Table(*(field.name for field in dataclasses.fields(Found)))
    for one in found:
        table.add_row(one.kind, one.id, one.label, one.how, "" if one.score is None else f"{one.score:.2f}", one.note)
    tables().print(table)


def coverage(
    file: Annotated[Path, typer.Argument(help="CSV or TSV, .xz or plain", exists=True, dir_okay=False)],
    column: Annotated[str, typer.Option(help="name of the column, or its number in a file without a header")] = "text",
    where: Annotated[str | None, typer.Option(help="only rows with this value: column=value")] = None,
    phrases: Annotated[bool, typer.Option("--phrases", help="the column holds reactions, not posts")] = False,
    language: Annotated[str, _LANGUAGE] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """Count how many posts of a file name a medicine, or with --phrases how many reactions have a concept.

    Example: adrwatch vocabulary coverage posts.tsv --column text --where label=1
    """
    from rich.table import Table

    from services.vocabulary.coverage import medicines, reactions, rows
    from shared import settings
    from shared.console import tables
    from shared.vocabulary.drugs import default_lexicon
    from shared.vocabulary.languages import drugs_in, reactions_in
    from shared.vocabulary.normaliser import ReactionNormaliser

    texts = rows(file, column, where)
    counted = (
        reactions(texts, reactions_in(language, ReactionNormaliser.load(settings.current())))
        if phrases
        else medicines(texts, drugs_in(language, default_lexicon()))
    )
    total = counted.total()
    if as_json:
        typer.echo(json.dumps({"total": total, **counted}))
        return
    table = Table("found by" if phrases else "medicine", "rows", "share")
    for name, count in counted.most_common():
        table.add_row(name, f"{count:,}", f"{count / total:.1%}")
    tables().print(table)


def misspellings(
    data: Annotated[Path, typer.Option(help="folder of the sources (docs/vocabularies.md)")],
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """Count how many of the misspellings that RedMed saw on Reddit `adrwatch drugs add --misspellings` would have made.

    Example: adrwatch vocabulary misspellings --data vocabulary-sources
    """
    from services.vocabulary.everyday import everyday
    from services.vocabulary.misspell import recall
    from services.vocabulary.sources import redmed
    from shared.vocabulary.drugs import default_lexicon

    found = recall(redmed(data), default_lexicon(), everyday())
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(found)))
        return
    typer.echo(f"all: {found.found} of {found.written}")
    typer.echo(f"one letter away: {found.slips_found} of {found.slips}")


def build(
    data: Annotated[Path, typer.Option(help="folder of the sources (docs/vocabularies.md)")],
    wheels: Annotated[Path, typer.Option(help="folder of the two PyPI wheels that hold names and frequencies")],
    target: Annotated[Path | None, typer.Option(help="where to write; default: the files adrwatch ships with")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """Build the drug lexicon and the reaction vocabulary from their public sources.

    Example: adrwatch vocabulary build --data vocabulary-sources --wheels wheels
    """
    from rich.table import Table

    from services.vocabulary.build import build as write_all
    from shared.console import tables
    from shared.vocabulary.table import DATA

    built = write_all(data, wheels, target or DATA)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(one) for one in built]))
        return
    table = Table("file", "release", "rows", "concepts", "bytes")
    for one in built:
        table.add_row(one.file, one.release, f"{one.rows:,}", f"{one.concepts:,}", f"{one.size:,}")
    tables().print(table)

"""`adrwatch models languages`: which models read posts of which language."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from shared.errors import AdrwatchError
from shared.settings import load


def languages(
    codes: Annotated[
        list[str] | None, typer.Argument(metavar="[LANGUAGE]...", help="ru, zh, de, fr; none: show what there is")
    ] = None,
    pair: Annotated[
        str | None, typer.Option(help="what the names of both models end with: adr_classifier_PAIR, adr_ner_PAIR")
    ] = None,
    version: Annotated[int, typer.Option(min=1, help="number of their version")] = 1,
    remove: Annotated[bool, typer.Option("--remove", help="no models read these languages any more")] = False,
    repository: Annotated[
        Path | None, typer.Option(help="model repository [default: ADRWATCH_MODEL_REPOSITORY]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Show or say which models read posts of which language, where ADRWATCH_LANGUAGES asks for it; workers look as they start.

    Example: adrwatch models languages ru zh --pair multilingual --version 1
    """
    from services.models.languages import assign, listed, release
    from shared.console import tables
    from shared.models.languages import Pair

    folder = repository or load().model_repository
    if bool(codes) != (remove or pair is not None) or (remove and pair is not None):
        raise AdrwatchError(
            "languages go with --pair, which says what reads them, or with --remove",
            fix="adrwatch models languages ru zh --pair multilingual --version 1",
        )
    if remove:
        release(folder, codes or [])
    elif pair is not None:
        assign(folder, codes or [], Pair(pair, version))
    rows = listed(folder)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(row) for row in rows]))
        return
    if not rows:
        typer.echo("posts are read in English only")
        return
    from rich.table import Table

    table = Table("language", "pair", "version", "name", "trouble")
    for row in rows:
        table.add_row(row.language, row.pair, str(row.version), row.name or "–", row.trouble or "–")
    tables().print(table)

"""`adrwatch settings`: what is set, from where it may be set, and the page of the docs that lists it."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from pydantic import SecretStr

from shared.settings import Settings, load, plain_address

MARKDOWN_HEAD = """# Settings

Made by `adrwatch settings --markdown`. Each can be an environment variable or a key of `adrwatch.toml` in the working directory
(lower case, without the prefix); the environment goes first. A wrong value stops every command with the variable's name and what
was expected. A secret, and an address that may hold one, can lie in a file: `ADRWATCH_KAFKA_PASSWORD_FILE` names it in place of
`ADRWATCH_KAFKA_PASSWORD` ([security](runbooks/security.md#secrets)).

| variable | default | meaning |
|---|---|---|
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("settings")(settings)


def settings(
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="print the reference page of the docs")] = False,
) -> None:
    """Show every setting with its present value; a secret is only said to be set.

    Example: ADRWATCH_BATCH_SIZE=128 adrwatch settings
    """
    if as_markdown:
        typer.echo(markdown(), nl=False)
        return
    chosen = load()
    values = {name: _shown(getattr(chosen, name)) for name in Settings.model_fields}
    if as_json:
        typer.echo(json.dumps(values))
        return
    from rich.table import Table

    from shared.console import tables

    table = Table("variable", "value", "meaning", box=None)
    for name, value in values.items():
        table.add_row(f"ADRWATCH_{name.upper()}", "–" if value is None else str(value), _meaning(name))
    tables().print(table)


def markdown() -> str:
    """The reference page: every variable with its default and its meaning."""
    rows = []
    for name, field in Settings.model_fields.items():
        own = name in ("model_repository", "rules_file")
        default = "shipped" if own else "–" if field.default is None else f"`{field.default}`"
        rows.append(f"| `ADRWATCH_{name.upper()}` | {default} | {_meaning(name)} |\n")
    return MARKDOWN_HEAD + "".join(rows)


def _meaning(name: str) -> str:
    return Settings.model_fields[name].description or ""


def _shown(value: object) -> object:
    if isinstance(value, SecretStr):
        return "set"
    return value if isinstance(value, (int, float, type(None))) else plain_address(value)

"""`adrwatch schema write|check|page`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shared.errors import AdrwatchError

group = typer.Typer(help="JSON Schemas of the messages and their AsyncAPI document.", no_args_is_help=True)
Folder = Annotated[Path, typer.Argument(help="Folder of the schema files.")]


@group.command()
def write(folder: Folder) -> None:
    """Write the schema files.

    Example: adrwatch schema write docs/schemas
    """
    from shared import schema

    changed = schema.write(folder)
    for path in changed:
        print(f"wrote {path}")
    if not changed:
        print("all files are in step")


@group.command()
def check(folder: Folder) -> None:
    """Say whether the files are in step with the code; exit code 2 if one is not.

    Example: adrwatch schema check docs/schemas
    """
    from shared import schema

    if names := schema.differing(folder):
        raise AdrwatchError(f"out of step in {folder}: {', '.join(names)}", fix=f"adrwatch schema write {folder}")
    print("all files are in step")


@group.command()
def page() -> None:
    """Print the page docs/topics.md: every topic with its key, fields, an example, and what a consumer has to do.

    Example: adrwatch schema page > docs/topics.md
    """
    from shared import schema, topics_page

    print(topics_page.render(schema.asyncapi()), end="")

"""The commands of ingest: `adrwatch ingest|sources|secrets|topics|schema|dead-letters`, and the workers of sources."""

from __future__ import annotations

import typer

from services import groups
from services.ingest.commands import dead_letters, holds, schema, secrets, sources, topics
from services.ingest.commands.delete import delete
from services.ingest.commands.replay import replay


def register(app: typer.Typer) -> None:
    """Add the groups of ingest to the command."""
    ingest = typer.Typer(help="Bring public posts in, and take them back.", no_args_is_help=True)
    ingest.command()(replay)
    ingest.command()(delete)
    app.command("forget")(delete)
    app.add_typer(ingest, name="ingest")
    app.add_typer(sources.group, name="sources")
    app.add_typer(secrets.group, name="secrets")
    groups.worker.command("sources")(sources.run_worker)
    groups.worker.command("push")(sources.run_push)
    app.add_typer(topics.group, name="topics")
    app.add_typer(schema.group, name="schema")
    app.add_typer(dead_letters.group, name="dead-letters")
    dead_letters.group.command()(holds.paused)
    dead_letters.group.command()(holds.resume)

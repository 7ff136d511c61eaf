"""Command groups to which several services add their commands."""

from __future__ import annotations

import typer

worker = typer.Typer(
    help="Run one worker of a service in the foreground; `adrwatch up` does this for you.", no_args_is_help=True
)
models = typer.Typer(
    help="Versions of the models: make, list, verify, activate, roll back (docs/runbooks/models.md).",
    no_args_is_help=True,
)

"""`adrwatch evaluate`: what the product says, scored against labelled corpora. Each task has a module with its command."""

from __future__ import annotations

from importlib import import_module

import typer

# Each module has `register(group)`, which adds its command and imports nothing heavy. A new task is a new line here.
TASKS = (
    "services.evaluation.screen",
    "services.evaluation.classify",
    "services.evaluation.extract",
    "services.evaluation.end_to_end",
    "services.evaluation.attribute",
    "services.evaluation.coreference",
    "services.evaluation.normalise",
    "services.evaluation.signals",
    "services.evaluation.duplicates",
    "services.evaluation.everything",
)


def register(app: typer.Typer) -> None:
    """Add the group `evaluate`."""
    group = typer.Typer(no_args_is_help=True, help="Score the models and the whole pipeline on labelled posts.")
    for module in TASKS:
        import_module(module).register(group)
    app.add_typer(group, name="evaluate")

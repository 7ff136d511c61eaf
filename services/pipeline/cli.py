"""`adrwatch worker pipeline`."""

from __future__ import annotations

import typer

from services.groups import worker
from shared import logs, settings


def register(app: typer.Typer) -> None:
    """Add the worker to the group `worker`, which the command mounts."""
    worker.command("pipeline")(pipeline)


def pipeline() -> None:
    """Read posts, find mentions of adverse drug reactions in them, and write mentions and outcomes.

    Several may run, each with its own ADRWATCH_WORKER_ID; Kafka shares the partitions out among them.

    Example: ADRWATCH_WORKER_ID=2 adrwatch worker pipeline
    """
    from services.pipeline.worker import build

    chosen = settings.current()
    logs.configure("pipeline", chosen.log_level)
    build(chosen).run()

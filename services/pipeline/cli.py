"""The commands of the pipeline: `adrwatch worker pipeline`, `adrwatch screen`."""

from __future__ import annotations

import typer

from services.groups import worker
from services.pipeline import screen_commands
from shared import logs, settings


def register(app: typer.Typer) -> None:
    """Add the worker to the group `worker`, which the command mounts, and the group `screen`."""
    worker.command("pipeline")(pipeline)
    app.add_typer(screen_commands.group, name="screen")


def pipeline() -> None:
    """Read posts, find mentions of adverse drug reactions in them, and write mentions and outcomes.

    Several may run, each with its own ADRWATCH_WORKER_ID; Kafka shares the partitions out among them.

    Example: ADRWATCH_WORKER_ID=2 adrwatch worker pipeline
    """
    from services.pipeline.worker import build
    from shared import health_port

    chosen = settings.current()
    logs.configure("pipeline", chosen.log_level)
    health_port.serve("pipeline", chosen)
    build(chosen).run()

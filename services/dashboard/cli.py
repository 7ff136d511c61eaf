"""The commands of the dashboard: `adrwatch worker dashboard`, `adrwatch dashboard`."""

from __future__ import annotations

import typer

from services import groups
from services.dashboard.access import cli as access
from services.dashboard.labels import cli as labels

dashboard = typer.Typer(help="Pages and API for people: who may use them.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of the dashboard."""
    groups.worker.command("dashboard")(run_worker)
    access.register(dashboard)
    app.add_typer(dashboard, name="dashboard")
    app.add_typer(labels.group, name="labels")


def run_worker() -> None:
    """Serve the pages and the API at ADRWATCH_DASHBOARD_HOST and ADRWATCH_DASHBOARD_PORT.

    Example: ADRWATCH_DASHBOARD_ACCESS=development adrwatch worker dashboard
    """
    from services.dashboard.worker import run
    from shared import settings

    run(settings.current())

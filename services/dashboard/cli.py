"""The commands of the dashboard: `adrwatch worker dashboard`, `adrwatch dashboard`."""

from __future__ import annotations

import typer

from services import groups
from services.dashboard.access import cli as access

dashboard = typer.Typer(help="Pages and API for people: who may use them.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of the dashboard."""
    groups.worker.command("dashboard")(run_worker)
    access.register(dashboard)
    dashboard.command("api")(describe_api)
    app.add_typer(dashboard, name="dashboard")


def run_worker() -> None:
    """Serve the pages and the API at ADRWATCH_DASHBOARD_HOST and ADRWATCH_DASHBOARD_PORT.

    Example: ADRWATCH_DASHBOARD_ACCESS=development adrwatch worker dashboard
    """
    from services.dashboard.worker import run
    from shared import settings

    run(settings.current())


def describe_api() -> None:
    """Print the OpenAPI document of the API, which a running dashboard serves at /api/v1/openapi.json.

    Example: adrwatch dashboard api > docs/schemas/openapi.json
    """
    import json

    from services.dashboard.api.app import api

    print(json.dumps(api().openapi(), indent=2, ensure_ascii=False))

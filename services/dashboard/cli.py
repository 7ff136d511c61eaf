"""The commands of the dashboard: `adrwatch worker dashboard`, `adrwatch dashboard`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from services import groups
from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from services.dashboard.desk import Desk
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


@dashboard.command("routes")
def show_routes(
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="the page docs/routes.md")] = False,
) -> None:
    """List every address of the dashboard and of its API with the right that it takes and the roles that have it.

    Example: adrwatch dashboard routes --json
    """
    import json

    from services.dashboard.access import routes
    from services.dashboard.access.rights import Role
    from services.dashboard.app import application

    app = application(_no_desk)
    if markdown:
        print(routes.page(app), end="")
        return
    for method, path, takes in routes.route_rights(app):
        may = [role.value for role in Role if routes.allowed(takes, role)]
        row = {"method": method, "path": path, "takes": takes, "roles": may}
        print(json.dumps(row) if as_json else f"{method:<7} {path:<45} {takes:<20} {', '.join(may)}")


def _no_desk() -> Desk:
    raise AdrwatchError("nobody serves here", fix="run `adrwatch worker dashboard`")

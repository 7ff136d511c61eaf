"""Every route says who may use it: checked when the application is built, and read off for the docs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from services.dashboard.access.guard import for_everybody, person
from services.dashboard.access.rights import RIGHTS, Right, Role
from shared.errors import AdrwatchError

EVERYBODY, SIGNED_IN = "everybody", "signed in"


def check_routes(app: FastAPI) -> None:
    """Raises AdrwatchError for a route that does not say who may use it."""
    for method, path, rights in _routes(app):
        if not rights:
            raise AdrwatchError(
                f"the route {method} {path} is for nobody in particular",
                fix="add needs(Right…), signed_in or open_to_all of services.dashboard.access.guard to its dependencies",
            )


def route_rights(app: FastAPI) -> list[tuple[str, str, str]]:
    """Method, path and what it takes (rights, `signed in` or `everybody`), sorted by path."""
    return sorted(
        ((method, path, ", ".join(sorted(rights))) for method, path, rights in _routes(app)),
        key=lambda row: (row[1], row[0]),
    )


def allowed(takes: str, role: Role) -> bool:
    """Whether somebody of one role may use a route that takes that."""
    return takes in {EVERYBODY, SIGNED_IN} or {Right(word) for word in takes.split(", ")} <= RIGHTS[role]


def markdown(app: FastAPI) -> str:
    """The table of routes and roles."""
    lines = [f"| Route | Takes | {' | '.join(Role)} |", f"|---|---|{'---|' * len(Role)}"]
    for method, path, takes in route_rights(app):
        marks = " | ".join("yes" if allowed(takes, role) else "–" for role in Role)
        lines.append(f"| `{method} {path}` | {takes} | {marks} |")
    return "\n".join(lines) + "\n"


def page(app: FastAPI) -> str:
    """The page docs/routes.md."""
    return (
        "# Routes and roles\n\nMade by `adrwatch dashboard routes --markdown`. What is not named here is denied;"
        f" what a role means is in [access](access.md).\n\n{markdown(app)}"
    )


def _routes(app: FastAPI) -> Iterator[tuple[str, str, set[str]]]:
    for path, route in _flat(app.routes, ""):
        dependant = getattr(route, "dependant", None)
        found = set(_asked(dependant)) if dependant is not None else set()
        # All of them are asked for: the weaker ones say nothing beside a stronger one.
        for weaker in (EVERYBODY, SIGNED_IN):
            if found > {weaker}:
                found.remove(weaker)
        for method in sorted(route.methods or {"any"}):
            yield method, path, found


def _flat(routes: Sequence[BaseRoute], before: str) -> Iterator[tuple[str, RouteContext]]:
    """All routes, those of included routers and mounted applications too; static files are for everybody."""
    for route in iter_route_contexts(routes):
        original = route.original_route
        if not isinstance(original, Mount):
            yield before + (route.path or ""), route
        elif not isinstance(original.app, StaticFiles):
            yield from _flat(original.routes, before + original.path)


def _asked(dependant: Dependant) -> Iterator[str]:
    right = getattr(dependant.call, "right", None)
    if isinstance(right, Right):
        yield right.value
    elif dependant.call is person:
        yield SIGNED_IN
    elif dependant.call is for_everybody:
        yield EVERYBODY
    for deeper in dependant.dependencies:
        yield from _asked(deeper)

"""No route of the dashboard is for nobody in particular, and each role gets just what its rights give."""

from __future__ import annotations

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from starlette.routing import Route

from services.dashboard.access.guard import ForbiddenError, needs, open_to_all, signed_in
from services.dashboard.access.rights import RIGHTS, Person, Right, Role
from services.dashboard.access.routes import allowed, check_routes, markdown, route_rights
from services.dashboard.app import application
from shared.errors import AdrwatchError


def bare(**mounted: FastAPI) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    for name, one in mounted.items():
        app.mount(f"/{name}", one)
    return app


def answer() -> None:
    """What any route gives."""


def test_every_route_of_the_dashboard_says_who_may_use_it():
    app = application(lambda: pytest.fail("nobody asks for the desk"))
    check_routes(app)
    takes = {(method, path): right for method, path, right in route_rights(app)}
    assert takes["POST", "/people"] == Right.MANAGE_PEOPLE
    assert takes["GET", "/account"] == "signed in"
    # It shows what people wrote: the right to label alone is not enough.
    assert takes["GET", "/review"] == f"{Right.SEE_EVIDENCE}, {Right.LABEL_POSTS}"
    assert any(path.startswith("/api/v1/") for _, path in takes)
    everybody = {path for (_, path), right in takes.items() if right == "everybody"}
    assert everybody == {
        "/sign-in", "/sign-in/oidc", "/sign-in/oidc/callback", "/sign-out", "/api/v1/openapi.json",
    }  # fmt: skip


@pytest.mark.parametrize("where", ["on it", "in a router", "in a mounted one", "no function"])
def test_a_route_that_does_not_say_so_keeps_the_application_from_starting(where):
    router, inner = APIRouter(), bare()
    app = bare(api=inner)
    app.get("/asks", dependencies=[signed_in])(answer)
    check_routes(app)
    if where == "on it":
        app.get("/open")(answer)
    elif where == "in a router":
        router.get("/open")(answer)
        app.include_router(router, prefix="/more")
    elif where == "in a mounted one":
        inner.get("/open")(answer)
    else:
        app.router.routes.append(Route("/open", lambda _: None))
    with pytest.raises(AdrwatchError, match="/open"):
        check_routes(app)


def test_the_stronger_demand_of_a_router_and_its_route_counts():
    router, app = APIRouter(), bare()
    router.get("/one", dependencies=[open_to_all])(answer)
    router.get("/two", dependencies=[needs(Right.SEE_AUDIT)])(answer)
    app.include_router(router, dependencies=[signed_in])
    assert route_rights(app) == [("GET", "/one", "signed in"), ("GET", "/two", "audit:read")]
    assert "| `GET /two` | audit:read | – | – | – | yes |" in markdown(app)


@pytest.mark.parametrize("role", Role)
def test_each_role_gets_what_the_table_says_and_nothing_else(role):
    app = bare()
    for right in Right:
        app.get(f"/{right}", dependencies=[needs(right)])(answer)

    @app.middleware("http")
    async def somebody(request, call_next):
        request.state.person = Person("ana", frozenset({role}), RIGHTS[role], "session")
        return await call_next(request)

    with TestClient(app) as client:
        for _, path, takes in route_rights(app):
            if allowed(takes, role):
                assert client.get(path).status_code == 200
            else:
                with pytest.raises(ForbiddenError):
                    client.get(path)

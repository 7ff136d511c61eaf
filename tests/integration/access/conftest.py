"""A small application with a real database behind what stands around every route."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import argon2.profiles
import pytest
from argon2 import PasswordHasher
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from starlette.types import ASGIApp

from services.cases.audit import Trail
from services.cases.database import Database
from services.dashboard.access import passwords
from services.dashboard.access.guard import needs
from services.dashboard.access.headers import Headers
from services.dashboard.access.people import People
from services.dashboard.access.rights import Person, Right, Role
from services.dashboard.access.routes import check_routes
from services.dashboard.access.sign_in import SignIn
from services.dashboard.app import _explain
from services.dashboard.pages import access
from shared import settings
from tests import postgresql

HOME = "http://127.0.0.1:8480"
PASSWORD = "correct horse battery staple"
router = APIRouter()


@router.get("/alerts")
@router.get("/api/v1/alerts")
def alerts(who: Annotated[Person, needs(Right.SEE_ALERTS)]) -> dict[str, str]:
    return {"name": who.name, "by": who.by}


@router.get("/audit")
@router.get("/api/v1/audit")
def audit(who: Annotated[Person, needs(Right.SEE_AUDIT)]) -> dict[str, str]:
    return {"name": who.name}


@router.post("/api/v1/alerts")
def change(who: Annotated[Person, needs(Right.REVIEW_SIGNALS)]) -> dict[str, str]:
    return {"name": who.name}


class Desk:
    """What the routes work with: settings, database, trail."""

    def __init__(self, place: settings.Settings) -> None:
        self.settings = place
        self.trail = Trail.of(place)
        self.found: Database | None = None

    @property
    def database(self) -> Database:
        self.found = self.found or Database.opened(self.settings)
        return self.found


def application(place: settings.Settings) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = Desk(place)
    app.include_router(router)
    app.include_router(access.router)
    check_routes(app)
    _explain(app)
    app.add_middleware(SignIn)
    app.add_middleware(Headers)
    return app


@pytest.fixture(autouse=True)
def passwords_cost_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fifth of a second for each, otherwise. What they cost in earnest: tests/unit/dashboard/test_passwords.py."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher.from_parameters(argon2.profiles.CHEAPEST))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgresql.server(tmp_path_factory.mktemp("postgresql")) as address:
        yield address


@pytest.fixture
def kind() -> str:
    return "sqlite"


@pytest.fixture
def place(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[settings.Settings]:
    monkeypatch.setenv("ADRWATCH_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ADRWATCH_ACTOR", "operator one")
    if kind == "postgresql":
        address = postgresql.database(request.getfixturevalue("postgres"), f"t{uuid.uuid4().hex[:12]}")
        monkeypatch.setenv("ADRWATCH_DATABASE_URL", address)
    settings.current.cache_clear()
    yield settings.current()
    settings.current.cache_clear()


@pytest.fixture
def app(place: settings.Settings) -> Iterator[FastAPI]:
    found = application(place)
    yield found
    if found.state.desk.found:
        found.state.desk.found.close()


@pytest.fixture
def people(app: FastAPI) -> People:
    found = People(app.state.desk.database, app.state.desk.trail, "operator one")
    found.add("ana", frozenset({Role.assessor}), PASSWORD)
    found.add("root", frozenset({Role.admin}), PASSWORD)
    return found


@pytest.fixture
def browser(app: FastAPI, people: People) -> Callable[..., TestClient]:
    """Browsers, each with its own cookies; signed in where a name is given."""

    def make(name: str | None = None, around: Callable[[ASGIApp], ASGIApp] | None = None) -> TestClient:
        client = TestClient(around(app) if around else app, base_url=HOME, follow_redirects=False)
        client.headers["Sec-Fetch-Site"] = "same-origin"
        if name is not None:
            assert sign_in(client, name).status_code == 303
        return client

    return make


def sign_in(client: TestClient, name: str, password: str = PASSWORD, **more: Any) -> Any:
    return client.post("/sign-in", data={"name": name, "password": password, **more})

"""Cases on each kind of database, and the command line on it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from services.cases.audit import Trail
from services.cases.casebook import Casebook
from services.cases.database import Database
from services.cli import build
from shared import settings
from tests import postgresql


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgresql.server(tmp_path_factory.mktemp("postgresql")) as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[settings.Settings]:
    """Settings with an empty database of each kind."""
    monkeypatch.setenv("ADRWATCH_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ADRWATCH_ACTOR", "assessor one")
    if request.param == "postgresql":
        address = postgresql.database(request.getfixturevalue("postgres"), f"t{uuid.uuid4().hex[:12]}")
        monkeypatch.setenv("ADRWATCH_DATABASE_URL", address)
    settings.current.cache_clear()
    yield settings.current()
    settings.current.cache_clear()


@pytest.fixture
def database(place: settings.Settings) -> Iterator[Database]:
    found = Database.opened(place)
    yield found
    found.close()


@pytest.fixture
def book(place: settings.Settings, database: Database) -> Casebook:
    return Casebook(database, Trail.of(place), "assessor one")


@pytest.fixture
def sql(place: settings.Settings) -> Callable[[str], Any]:
    """Statements that go round adrwatch, as somebody with the database's password could make them."""

    def run(statement: str) -> Any:
        database = Database.connected(place)
        with database._engine.connect() as connection:
            result = connection.execute(sa.text(statement))
            rows = result.fetchall() if result.returns_rows else None
            connection.commit()
        database.close()
        return rows

    return run


@pytest.fixture
def adrwatch(place: settings.Settings) -> Callable[..., Any]:
    def run(*arguments: Any) -> Any:
        return CliRunner().invoke(build(), [str(argument) for argument in arguments])

    return run

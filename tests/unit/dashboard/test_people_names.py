"""Nobody gets a name by which the audit trail knows what is no person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cases.audit import Trail
from services.cases.book import MACHINE
from services.cases.database import Database
from services.dashboard.access.oidc import Identity
from services.dashboard.access.people import People
from services.dashboard.access.rights import Role
from shared.errors import AdrwatchError
from shared.settings import load

ROLES = frozenset({Role.viewer})


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    settings = load(data_dir=tmp_path)
    with Database.used(settings) as database:
        yield People(database, Trail.of(settings), "test")


@pytest.mark.parametrize(
    "name", [MACHINE, "Adrwatch", "somebody", "provider", "DEVELOPMENT", "me", "nobody", "unknown"]
)
def test_a_name_of_what_is_no_person_is_nobodys(people: People, name: str) -> None:
    with pytest.raises(AdrwatchError, match="no person"):
        people.add(name, ROLES, "a long enough password")
    given = people.known_by(Identity("https://provider.example", "1", name, "Ada", ROLES)).name
    assert given.startswith(f"{name}-")
    assert [one.name for one in people.all()] == [given]

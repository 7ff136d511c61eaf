"""Every route as every role, and as nobody: what is not given is denied. Bodies are empty, so that nothing is done."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from services.dashboard.access.people import People
from services.dashboard.access.rights import Role
from services.dashboard.access.routes import EVERYBODY, allowed, page, route_rights
from services.dashboard.access.sessions import Sessions, cookie_name
from services.dashboard.app import application
from services.dashboard.worker import desk_of
from shared.settings import PACKAGE_ROOT, Settings

PAGE = PACKAGE_ROOT / "docs" / "routes.md"
# Streams go on for as long as somebody listens; and a sign-in that nobody began is refused to everybody.
NOT_TRIED = re.compile(r"/(live|events|callback)$")
ENDS_THE_SESSION = "/sign-out"


@pytest.fixture
def people(place: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The dashboard where people sign in, with somebody of each role."""
    settings = place.model_copy(update={"dashboard_access": "people"})
    with TestClient(
        application(functools.partial(desk_of, settings)), base_url="http://127.0.0.1:8480", follow_redirects=False
    ) as client:
        client.headers["Sec-Fetch-Site"] = "same-origin"
        desk = client.app.state.desk  # type: ignore[attr-defined]
        for role in Role:
            People(desk.database, desk.trail, "test").add(f"the-{role}", frozenset({role}), "a long enough password")
        yield client


def test_every_route_as_every_role_and_as_nobody(people: TestClient) -> None:
    desk = people.app.state.desk  # type: ignore[attr-defined]
    table = [row for row in route_rights(people.app) if row[1] != ENDS_THE_SESSION]  # type: ignore[arg-type]
    assert len(table) > 30
    wrong = []
    for who in (None, *Role):
        people.cookies.clear()
        if who is not None:
            secret = Sessions(desk.database, desk.trail).begin(f"the-{who}")
            people.cookies.set(cookie_name(desk.settings), secret)
        for method, path, takes in table:
            may = takes == EVERYBODY or (who is not None and allowed(takes, who))
            if may and NOT_TRIED.search(path):
                continue
            address = re.sub(r"\{(\w+)(:\w+)?\}", "none", path)
            answer = people.request(method, address)
            away = answer.status_code == 303 and answer.headers.get("Location", "").startswith("/sign-in?")
            denied = answer.status_code in (401, 403) or away
            if denied == may or answer.status_code == 500:
                wrong.append(f"{who or 'nobody'}: {method} {path} takes {takes}, answered {answer.status_code}")
    assert not wrong, "\n".join(wrong)


def test_the_page_of_routes_is_in_step_with_the_code(people: TestClient) -> None:
    assert PAGE.read_text() == page(people.app), "run: adrwatch dashboard routes --markdown > docs/routes.md"  # type: ignore[arg-type]

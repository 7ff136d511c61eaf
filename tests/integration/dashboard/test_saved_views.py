"""Views of the list that people name: each person's own, kept in the database, gone when they are removed."""

from __future__ import annotations

import functools
import re
from html import unescape

import pytest
from fastapi.testclient import TestClient

from services.dashboard.access.people import People
from services.dashboard.access.rights import Role
from services.dashboard.access.sessions import Sessions, cookie_name
from services.dashboard.app import application
from services.dashboard.worker import desk_of
from shared.settings import Settings
from tests.integration.cases.items import item
from tests.integration.dashboard.conftest import Publish
from tests.integration.dashboard.test_alerts_page import HTMX, SIGNAL


def chips(page: str) -> list[tuple[str, str]]:
    """Name and address of each view on a page."""
    part = page.partition('id="views"')[2].partition("<details>")[0]
    return [
        (unescape(name), unescape(there)) for there, name in re.findall(r'<a href="([^"]*)"[^>]*>([^<]*)</a>', part)
    ]


def test_a_view_is_named_followed_replaced_and_removed(client: TestClient, publish: Publish) -> None:
    publish(SIGNAL, item())
    assert chips(client.get("/alerts").text) == []
    answer = client.post(
        "/views", data={"name": "<b>grave", "words": "lane=urgent&sort=prr&page=2&other=x"}, headers=HTMX
    )
    assert chips(answer.text) == [("<b>grave", "/alerts?lane=urgent&sort=prr")]
    assert "<b>grave" not in answer.text
    # Without scripts the page comes back, as the view has it.
    plain = client.post("/views", data={"name": "all", "words": ""}, follow_redirects=False)
    assert (plain.status_code, plain.headers["Location"]) == (303, "/alerts")
    page = client.get("/alerts?lane=urgent&sort=prr").text
    assert [name for name, _ in chips(page)] == ["<b>grave", "all"]
    assert page.count('aria-current="true">&lt;b&gt;grave') == 1
    assert "1 of 2 alerts" in client.get(dict(chips(page))["<b>grave"]).text
    client.post("/views", data={"name": "all", "words": "state=open"})
    assert dict(chips(client.get("/alerts").text))["all"] == "/alerts?state=open"
    left = client.post("/views/remove", data={"name": "<b>grave", "words": "lane=urgent"}, headers=HTMX)
    assert [name for name, _ in chips(left.text)] == ["all"]
    assert [name for name, _ in chips(client.get("/alerts").text)] == ["all"]


@pytest.mark.parametrize(
    ("name", "words", "named"),
    [
        (" ", "", "needs a name"),
        ("n" * 61, "", "needs a name"),
        ("new", "sort=beauty", "sort cannot be"),
        ("new", "q=" + "x" * 1001, "too long"),
        ("one\x00", "", "name of the view"),
    ],
    ids=["blank", "long", "sort", "words", "control"],
)
def test_what_cannot_be_kept_is_said_in_words(client: TestClient, name: str, words: str, named: str) -> None:
    refused = client.post("/views", data={"name": name, "words": words})
    assert refused.status_code == 422
    assert named in refused.text.casefold()
    assert chips(client.get("/alerts").text) == []


def test_nobody_has_more_than_thirty_and_one_of_them_can_still_be_changed(client: TestClient) -> None:
    for number in range(30):
        client.post("/views", data={"name": f"view {number}"}, headers=HTMX)
    refused = client.post("/views", data={"name": "one more"})
    assert "30 views already" in refused.text
    client.post("/views", data={"name": "view 3", "words": "lane=urgent"}, headers=HTMX)
    found = dict(chips(client.get("/alerts").text))
    assert (len(found), found["view 3"]) == (30, "/alerts?lane=urgent")


def test_views_are_a_person_s_own_and_stay(place: Settings) -> None:
    settings = place.model_copy(update={"dashboard_access": "people"})
    seen = {}
    for turn in range(2):
        app = application(functools.partial(desk_of, settings))
        with TestClient(app, base_url="http://127.0.0.1:8480", headers={"Sec-Fetch-Site": "same-origin"}) as browser:
            desk = app.state.desk
            for who in ("ana", "bo"):
                if turn == 0:
                    People(desk.database, desk.trail, "test").add(
                        who, frozenset({Role.viewer}), "a long enough password"
                    )
                browser.cookies.set(cookie_name(settings), Sessions(desk.database, desk.trail).begin(who))
                if turn == 0:
                    assert browser.post("/views", data={"name": f"of {who}"}, headers=HTMX).status_code == 200
                seen[who, turn] = [name for name, _ in chips(browser.get("/alerts").text)]
                browser.cookies.clear()
    assert seen == {(who, turn): [f"of {who}"] for who in ("ana", "bo") for turn in range(2)}

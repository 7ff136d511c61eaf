"""The audit trail as a page, as files and by the API, over a real database; and that it tells whoever touched it."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from html import unescape
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from services.cases.audit import ANCHORS_FILE, read
from services.cases.audit_rows import Wanted, part
from services.dashboard.access.rights import Person, Right
from services.dashboard.audit.lines import lines
from services.dashboard.desk import Desk
from shared.errors import DependencyAway
from shared.settings import Settings
from tests.integration.cases.items import item
from tests.integration.dashboard.conftest import PATIENCE, Publish
from tests.integration.dashboard.test_alerts_page import HTMX, SIGNAL

API = "/api/v1/audit"


def desk_of(client: TestClient) -> Desk:
    found: Desk = client.app.state.desk  # type: ignore[attr-defined]
    return found


def add(client: TestClient, *rows: tuple[str, str, str, str]) -> None:
    """Actor, action, subject and reason of each."""
    desk = desk_of(client)
    with desk.trail.recording(desk.database) as recording:
        for row in rows:
            recording.add(*row)


def behind(client: TestClient, statement: str) -> None:
    """As somebody with the database's password could do it."""
    with desk_of(client).database.writing() as connection:
        connection.execute(sa.text(statement))


def text(page: str) -> str:
    """What of a page can be read."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def numbers(page: str) -> list[int]:
    """The rows that a page shows."""
    return [int(one) for one in re.findall(r"of row (\d+)</span>", page)]


def proven(client: TestClient) -> str:
    """What is said of the trail once it has been verified anew."""
    said = client.post("/audit/proof", headers=HTMX).text
    deadline = time.monotonic() + PATIENCE
    while "is being verified" in said:
        assert time.monotonic() < deadline
        said = client.get("/audit/proof", headers=HTMX).text
    return text(said)


def test_it_says_who_did_what_to_what_and_why(client: TestClient, publish: Publish) -> None:
    empty = client.get("/audit").text
    assert "The trail is empty" in empty
    publish(SIGNAL, item())
    client.post("/alerts/move", data={"ids": ["signal-1"], "state": "triaged", "reason": "<b>plausible"}, headers=HTMX)
    client.post("/alerts/assign", data={"ids": ["item-1"]}, headers=HTMX)
    page = client.get("/audit").text
    assert numbers(page) == [4, 3, 2, 1]
    assert "moved to another state" in page
    assert "&lt;b&gt;plausible" in page
    assert "<b>plausible" not in page
    # The signal, and the case by what it is about, lead to their pages.
    assert '<a href="/alerts/signal-1">&lt;i&gt;amoxicillin – Rash</a>' in page
    assert '<a href="/alerts/item-1">amoxicillin – Anaphylactic shock</a>' in page
    assert "The trail is whole" in text(client.get("/audit").text)
    # What somebody made of an alert is found by its id.
    assert numbers(client.get("/audit?subject=signal-1").text) == [2, 1]
    desk = desk_of(client)
    with desk.database.reading() as connection:
        moved = list(read(connection))[1]
    assert f"Before {moved.before} After {moved.after}" in text(page)


def test_roles_and_receipts_are_said_in_words(client: TestClient) -> None:
    note = {"store": "redis", "asked_by": "network", "seconds": 1.5}
    add(
        client,
        ("ana", "set roles", "person:bo", "roles: admin viewer, before: viewer"),
        ("adrwatch", "forgotten", "post:0a1b", json.dumps(note)),
        ("bo", "do what nobody foresaw", "x", "{"),
    )
    page = text(client.get("/audit").text)
    assert "Before viewer After admin viewer" in page
    assert "store: redis, asked by: network, seconds: 1.5" in page
    assert "do what nobody foresaw" in page


def test_filters_narrow_and_pages_hold_every_row_once(client: TestClient) -> None:
    add(client, *(("ana" if n % 2 else "bo", "comment", f"case:{n % 7}", f"number {n}") for n in range(1, 131)))
    there, seen = "/audit?actor=ana", []
    while there:
        page = client.get(there).text
        # What is done meanwhile moves no page.
        add(client, ("ana", "comment", "case:0", "meanwhile"))
        seen += numbers(page)
        older = re.search(r'rel="next" href="([^"]*)"', page)
        there = unescape(older[1]) if older else ""
    assert seen == list(range(129, 0, -2))
    # The first row of each page leads back to what is newer.
    newer = re.search(r'rel="prev" href="([^"]*)"', page)
    assert newer
    assert numbers(client.get(unescape(newer[1])).text) == seen[:50]
    assert numbers(client.get("/audit?subject=case:3&actor=bo").text) == [122, 108, 94, 80, 66, 52, 38, 24, 10]
    assert "No row fits" in client.get("/audit?from=2001-01-01&to=2001-12-31").text
    assert numbers(client.get("/audit?from=2001-01-01").text)[-1:] == [83]


@pytest.mark.parametrize(
    "words", ["from=yesterday", "to=9999-12-31", "before=x", "after=99999999999999999999", "actor=a%00", "subject=" + "x" * 201]
)  # fmt: skip
def test_what_cannot_be_asked_for_is_said_in_words(client: TestClient, words: str) -> None:
    refused = client.get(f"/audit?{words}")
    assert refused.status_code == 422
    assert "What helps" in refused.text


def test_files_have_the_rows_that_the_page_shows(client: TestClient) -> None:
    add(
        client,
        ("ana", "comment", "case:1", "one"),
        ("bo", "comment", "case:1", "two"),
        ("ana", "state", "case:2", '=HYPERLINK("x")'),
    )
    desk = desk_of(client)
    with desk.database.reading() as connection:
        rows = [msgspec.to_builtins(row) for row in read(connection)]
    lined = client.get("/audit.jsonl")
    assert [json.loads(line) for line in lined.text.splitlines()] == rows
    assert lined.headers["Content-Disposition"] == 'attachment; filename="adrwatch-audit.jsonl"'
    of_ana = client.get("/audit.csv?actor=ana")
    table = list(csv.DictReader(io.StringIO(of_ana.text)))
    assert [one["seq"] for one in table] == ["1", "3"]
    assert list(table[0]) == list(rows[0])
    # A spreadsheet runs nothing of it.
    assert table[1]["reason"] == '\'=HYPERLINK("x")'
    assert client.get("/audit.jsonl?actor=nobody").text == ""
    assert client.get("/audit.csv?actor=nobody").text.splitlines() == [",".join(rows[0])]


@pytest.mark.parametrize(
    ("statement", "said", "doubted"),
    [
        ("UPDATE audit SET reason = 'another' WHERE seq = 2", "row 2 : altered", True),
        ("UPDATE audit SET at = 'never', before = x'ff' WHERE seq = 2", "row 2 : altered", True),
        ("DELETE FROM audit WHERE seq = 2", "row 2 : removed", True),
        ("DELETE FROM audit WHERE seq = 3", "row 3 : cut off", False),
    ],
)
def test_what_somebody_did_behind_its_back_is_told(
    client: TestClient, statement: str, said: str, doubted: bool
) -> None:
    add(client, *(("ana", "comment", "case:1", f"number {n}") for n in range(3)))
    assert "The trail is whole. All 3 rows" in text(client.get("/audit").text)
    behind(client, statement)
    # Rows that are shown are looked at each time, all of them when somebody asks.
    page = text(client.get("/audit").text)
    assert ("does not fit what it says" in page) == doubted
    assert f"The trail is not whole. {3 - statement.startswith('DELETE')} rows" in (banner := proven(client))
    assert said in banner
    assert said in text(client.get("/audit").text)


def test_anchors_that_cannot_be_read_are_told(client: TestClient, place: Settings) -> None:
    add(client, ("ana", "comment", "case:1", "one"))
    (place.data_dir / ANCHORS_FILE).write_text("no anchor\n")
    banner = proven(client)
    assert "could not be verified" in banner
    assert "restore the file from a backup" in banner


def test_verifying_works_without_scripts(client: TestClient) -> None:
    answer = client.post("/audit/proof", follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/audit")


def test_without_the_database_the_page_and_the_files_say_so(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: Desk) -> None:
        raise DependencyAway("the database does not answer", fix="start it")

    monkeypatch.setattr(Desk, "database", property(away))
    for address in ("/audit", "/audit.csv", "/audit.jsonl"):
        answer = client.get(address)
        assert answer.status_code == 503
        assert "What helps: start it" in answer.text
    answer = client.get(API)
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")


def test_whoever_may_see_no_case_learns_of_none(client: TestClient, publish: Publish) -> None:
    publish(item())
    client.post("/alerts/assign", data={"ids": ["item-1"]}, headers=HTMX)
    add(client, ("ana", "read", "alert:item-1", "evidence"), ("ana", "add person", "person:bo", "roles: viewer"))
    desk = desk_of(client)
    for rights, labels, pages in (
        ({Right.SEE_AUDIT}, set(), set()),
        (set(Right), {"amoxicillin – Anaphylactic shock"}, {"/alerts/item-1", "/people"}),
    ):
        auditor = Person("auditor", frozenset(), frozenset(rights), "token")
        with desk.database.reading() as connection:
            items = [line.item for line in lines(desk, auditor, part(connection, Wanted(), 50).rows, set())]
        assert {one.label for one in items} - {""} == labels
        assert {one.page for one in items} - {""} == pages


def test_programs_read_every_row_once_while_others_come(client: TestClient) -> None:
    add(client, *(("ana", "comment", f"case:{n}", "r") for n in range(7)))
    seen: list[Any] = []
    cursor = None
    while True:
        page = client.get(API, params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        add(client, ("ana", "comment", "case:9", "meanwhile"))
        seen, cursor = seen + page["items"], page["next"]
        if cursor is None:
            break
    assert [row["seq"] for row in seen] == [7, 6, 5, 4, 3, 2, 1]
    assert seen[-1]["subject"] == "case:0"
    found = client.get(API, params={"actor": "ana", "subject": "5", "since": "2026-01-01"})
    assert [row["subject"] for row in found.json()["items"]] == ["case:5"]
    assert client.get(API, params={"until": "2026-01-01"}).json() == {"items": [], "next": None}
    again = client.get(found.request.url, headers={"If-None-Match": found.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    for wrong, status in (({"cursor": "WyJ4Il0"}, 404), ({"cursor": "!"}, 404), ({"actor": "\x00"}, 422)):
        refused = client.get(API, params=wrong)
        assert (refused.status_code, refused.headers["Content-Type"]) == (status, "application/problem+json")

"""The audit trail looked through on SQLite and on PostgreSQL: the same rows, by person, action, item and time, page by page."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from services.cases import audit_rows
from services.cases.audit import Trail
from services.cases.audit_rows import Wanted, distinct, in_order, part
from services.cases.casebook import Casebook
from services.cases.database import Database
from services.cases.tables import AUDIT
from tests.integration.cases.items import opened

YESTERDAY, TOMORROW = (datetime.now(UTC) + timedelta(days=days) for days in (-1, 1))


@pytest.fixture
def case(book: Casebook, database: Database, place) -> str:
    """A case on which two people worked, in rows 1 to 4, and three rows about others of whom one has an id that is no pattern."""
    found = opened(book).id
    Casebook(database, Trail.of(place), "assessor two").look(found, "second opinion")
    book.move(found, "triaged", "a patient is identifiable")
    book.comment(found, "asked for the dose")
    with Trail.of(place).recording(database) as recording:
        for subject in ("person:casey", "labels", "case%x:1"):
            recording.add("adrwatch", "export", subject, "of nobody")
    return found


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Wanted(), [7, 6, 5, 4, 3, 2, 1]),
        (Wanted(actor="assessor two"), [2]),
        (Wanted(action="comment"), [4]),
        (Wanted(actor="assessor two", action="comment"), []),
        (Wanted(subject="case"), [4, 3, 2, 1]),
        (Wanted(subject="case:{id}"), [4, 3, 2, 1]),
        (Wanted(subject="{id}"), [4, 3, 2, 1]),
        (Wanted(subject="casey"), [5]),
        (Wanted(subject="labels"), [6]),
        (Wanted(subject="case:"), []),
        (Wanted(since=YESTERDAY, until=TOMORROW, action="export"), [7, 6, 5]),
        (Wanted(since=TOMORROW), []),
        (Wanted(until=YESTERDAY), []),
    ],
)
def test_rows_are_found_by_who_what_and_when(database: Database, case: str, wanted: Wanted, numbers: list[int]) -> None:
    wanted = Wanted(wanted.actor, wanted.action, wanted.subject.format(id=case), wanted.since, wanted.until)
    with database.reading() as connection:
        assert [row.seq for row in part(connection, wanted, 50).rows] == numbers
    assert [row.seq for rows in in_order(database, wanted) for row in rows] == numbers[::-1]


def test_pages_lead_to_one_another_in_both_directions(database: Database, case: str) -> None:
    with database.reading() as connection:
        first = part(connection, Wanted(), 3)
        assert ([row.seq for row in first.rows], first.newer, first.older) == ([7, 6, 5], False, True)
        second = part(connection, Wanted(), 3, before=5)
        assert ([row.seq for row in second.rows], second.newer, second.older) == ([4, 3, 2], True, True)
        last = part(connection, Wanted(), 3, before=2)
        assert ([row.seq for row in last.rows], last.newer, last.older) == ([1], True, False)
        back = part(connection, Wanted(), 3, after=1)
        assert ([row.seq for row in back.rows], back.newer, back.older) == ([4, 3, 2], True, True)
        top = part(connection, Wanted(), 3, after=4)
        assert ([row.seq for row in top.rows], top.newer, top.older) == ([7, 6, 5], False, True)


def test_all_are_taken_in_parts_and_those_that_come_meanwhile_are_left(
    database: Database, book: Casebook, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_rows, "_AT_ONCE", 3)
    seen = []
    for rows in in_order(database, Wanted()):
        book.comment(case, "meanwhile")
        seen.append([row.seq for row in rows])
    assert seen == [[1, 2, 3], [4, 5, 6], [7]]


def test_everybody_who_acted_and_all_that_was_done_is_known(database: Database, case: str) -> None:
    with database.reading() as connection:
        assert distinct(connection, AUDIT.c.actor) == ["adrwatch", "assessor one", "assessor two"]
        assert distinct(connection, AUDIT.c.action) == ["comment", "export", "open", "read", "state"]


def test_nobody_acted_in_an_empty_trail(database: Database) -> None:
    with database.reading() as connection:
        assert distinct(connection, AUDIT.c.actor) == []
        assert part(connection, Wanted(), 3).rows == []
    assert list(in_order(database, Wanted())) == []


def test_the_command_exports_what_is_asked_for(adrwatch, case: str) -> None:
    def numbers(*options: str) -> list[int]:
        done = adrwatch("audit", "export", *options)
        assert done.exit_code == 0, done.output
        return [json.loads(line)["seq"] for line in done.stdout.splitlines()]

    assert numbers() == [1, 2, 3, 4, 5, 6, 7]
    assert numbers("--subject", "case", "--actor", "assessor one") == [1, 3, 4]
    assert numbers("--since", f"{YESTERDAY:%Y-%m-%d}", "--action", "state") == [3]
    assert numbers("--until", f"{YESTERDAY:%Y-%m-%d}") == []

"""No text of a post is shown before the audit trail says to whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest
from fastapi import Response

from services.cases.audit import Entry, Trail, read
from services.cases.database import Database
from services.dashboard.access.rights import RIGHTS, Person, Role
from services.dashboard.labels.draw import Drawn
from services.dashboard.opened import Opened
from services.dashboard.pages import alert, review
from services.dashboard.view.texts import Shown
from shared.cases.model import Case
from shared.errors import DependencyAway
from shared.events import Alert, Concept, Post, derived_id, now
from shared.settings import load

ADA = Person("ada", frozenset({Role.assessor}), RIGHTS[Role.assessor], "session")
POST = Post(id="own:1", source="own", text="metformin made me ill", created_at=now(), ingested_at=now())


class Desk:
    """A real database and trail; one post waits for review. It is the view and its texts as well."""

    def __init__(self, folder: Path) -> None:
        self.settings = load(data_dir=folder)
        self.database, self.trail = Database.opened(self.settings), Trail.of(self.settings)
        self.review = self.view = self.texts = self

    def needs_kafka(self) -> None:
        """It is there."""

    def all(self) -> list[Drawn]:
        """What waits for review."""
        return [Drawn(POST.id, derived_id(POST.id), 0.5, 1.0, 0.1)]

    def skipped(self, _: str) -> set[str]:
        """Nothing."""
        return set()

    def of(self, posts: Iterable[str]) -> dict[str, Shown]:
        """Their texts."""
        return {post: Shown(POST, None) for post in posts}

    def rows(self) -> list[Entry]:
        """The trail."""
        with self.database.reading() as connection:
            return list(read(connection))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    yield found
    found.database.close()


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is given to templates."""
    given: list[dict[str, Any]] = []

    def page(*_: Any, **values: Any) -> Response:
        given.append(values)
        return Response()

    for module in (review, alert):
        monkeypatch.setattr(module, "page", page)
    return given


def cannot_write(_: Database) -> NoReturn:
    """A trail that is away."""
    raise DependencyAway("the database does not answer", fix="try again")


def test_a_post_for_review_is_shown_with_a_row_each_time_and_not_without(
    desk: Desk, pages: list[dict[str, Any]]
) -> None:
    for _ in range(2):
        review.show(None, desk, ADA)  # type: ignore[arg-type]
    assert [given["post"] for given in pages] == [POST, POST]
    rows = desk.rows()
    assert [(row.actor, row.action, row.reason) for row in rows] == [("ada", "read", "review")] * 2
    assert all(row.subject.startswith("label:") for row in rows)
    assert POST.id not in str(rows)
    assert derived_id(POST.id) not in str(rows)
    desk.trail.recording = cannot_write  # type: ignore[assignment, method-assign]
    with pytest.raises(DependencyAway):
        review.show(None, desk, ADA)  # type: ignore[arg-type]
    assert len(pages) == 2


SIGNAL = Alert(
    id="a-1", kind="disproportionality", drug=Concept("DB1", "metformin"), reaction=Concept("HP:1", "Vomiting"),
    episode=now(), evaluated_at=now(), rules=(), rule_version="1", examples=(),
)  # fmt: skip
REPORT = msgspec.structs.replace(SIGNAL, kind="single_report")
CASE = Case(id="c-1", drug=SIGNAL.drug, reaction=SIGNAL.reaction, opened_at=now(), opened_by="ada")


@pytest.mark.parametrize(
    ("opened", "subject"),
    [
        (Opened("a-1", SIGNAL, None), "signal:a-1"), (Opened("a-1", REPORT, None), "alert:a-1"),
        (Opened("a-1", REPORT, CASE), "case:c-1"),
    ],
)  # fmt: skip
def test_each_page_of_evidence_has_a_row_before_its_posts_are_fetched(
    desk: Desk, pages: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, opened: Opened, subject: str
) -> None:
    rows_then: list[int] = []
    monkeypatch.setattr(alert, "found", lambda *_: opened)
    monkeypatch.setattr(alert, "evidence", lambda *_: rows_then.append(len(desk.rows())))
    for _ in range(2):
        alert.evidence_of(None, desk, ADA, "a-1")  # type: ignore[arg-type]
    assert rows_then == [1, 2]
    assert {(row.actor, row.action, row.subject, row.reason) for row in desk.rows()} == {
        ("ada", "read", subject, "evidence")
    }
    desk.trail.recording = cannot_write  # type: ignore[assignment, method-assign]
    with pytest.raises(DependencyAway):
        alert.evidence_of(None, desk, ADA, "a-1")  # type: ignore[arg-type]
    assert len(pages) == len(rows_then) == 2


def test_no_evidence_is_shown_while_cases_cannot_be_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    away = DependencyAway("the database does not answer", fix="try again")
    monkeypatch.setattr(alert, "found", lambda *_: Opened("a-1", REPORT, None, away))
    with pytest.raises(DependencyAway):
        alert.evidence_of(None, desk, ADA, "a-1")  # type: ignore[arg-type]
    assert desk.rows() == []

"""What people do with cases. Every change, and every look at a case, is a row of the audit trail in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.cases.audit import Entry, Trail, digest
from services.cases.database import Database
from services.cases.tables import CASES, COMMENTS
from shared.cases.model import Case, State, moved, suggested
from shared.errors import AdrwatchError
from shared.events import Alert, derived_id


class Comment(msgspec.Struct, frozen=True):
    """What somebody wrote about a case."""

    at: str
    actor: str
    text: str


class Casebook:
    """Cases of one database, for one actor."""

    def __init__(self, database: Database, trail: Trail, actor: str) -> None:
        self._database = database
        self._trail = trail
        self._actor = actor

    def open(self, alert: Alert, serious: tuple[str, ...], situations: tuple[str, ...], reason: str) -> Case:
        """A case from an item of the single-report queue. A second one from the same item is the first.

        `serious` and `situations` are what the item was opened for; a person confirms them. Product and reaction are named in it.
        """
        case = Case(
            id=derived_id("case", alert.id),
            opened_at=datetime.now(UTC),
            opened_by=self._actor,
            drug=alert.drug,
            reaction=alert.reaction,
            alert=alert.id,
            post=alert.examples[0] if alert.examples else None,
            criteria={"product": "met", "reaction": "met"},
            seriousness=suggested(serious),
            situations=situations,
        )
        with self._database.writing() as connection:
            if (there := _found(connection, case.id)) is not None:
                return there
            document = msgspec.json.encode(case)
            row = self._trail.add(connection, self._actor, "open", _subject(case.id), reason, after=digest(document))
            values = {"document": document.decode(), "state": case.state, "opened_at": case.opened_at.isoformat()}
            post = derived_id(case.post) if case.post else None
            connection.execute(CASES.insert().values(id=case.id, post=post, **values))
        self._trail.anchor(row)
        return case

    def look(self, case_id: str, reason: str) -> tuple[Case, list[Comment]]:
        """A case with its comments; that somebody looked is recorded. Raises AdrwatchError where there is none."""
        with self._database.writing() as connection:
            case = _existing(connection, case_id)
            comments = list(_comments(connection, case_id))
            state = digest(msgspec.json.encode(case))
            row = self._trail.add(connection, self._actor, "read", _subject(case_id), reason, state, state)
        self._trail.anchor(row)
        return case, comments

    def change(self, case_id: str, action: str, reason: str, how: Callable[[Case], Case]) -> Case:
        """Change a case. Nothing is written where it stays as it is. Raises AdrwatchError where there is none, or `how` does."""
        with self._database.writing() as connection:
            case = _existing(connection, case_id)
            after = how(case)
            if after == case:
                return case
            row = self._write(connection, case, after, action, reason)
        self._trail.anchor(row)
        return after

    def move(self, case_id: str, state: State, reason: str) -> Case:
        """Bring a case to another state."""
        return self.change(case_id, "state", reason, lambda case: moved(case, state))

    def comment(self, case_id: str, text: str) -> None:
        """Add a comment. The trail keeps its hash."""
        with self._database.writing() as connection:
            _existing(connection, case_id)
            row = self._trail.add(
                connection, self._actor, "comment", _subject(case_id), "comment", after=digest(text.encode())
            )
            connection.execute(
                COMMENTS.insert().values(
                    id=derived_id(case_id, str(row.seq)), case_id=case_id, at=row.at, actor=self._actor, text=text
                )
            )
        self._trail.anchor(row)

    def forget(self, post: str) -> int:
        """Take a post that was deleted at its source out of its cases; how many there were."""
        with self._database.writing() as connection:
            query = sa.select(CASES.c.document).where(CASES.c.post == derived_id(post))
            found = [msgspec.json.decode(row.document, type=Case) for row in connection.execute(query)]
            rows = [
                self._write(
                    connection, case, msgspec.structs.replace(case, post=None), "forget", "deleted at its source"
                )
                for case in found
            ]
        for row in rows:
            self._trail.anchor(row)
        return len(rows)

    def all(self, state: str | None = None) -> list[Case]:
        """All cases, the newest first; no narrative is shown of a list, so it is not recorded."""
        query = sa.select(CASES.c.document).order_by(CASES.c.opened_at.desc(), CASES.c.id)
        if state is not None:
            query = query.where(CASES.c.state == state)
        with self._database.reading() as connection:
            return [msgspec.json.decode(row.document, type=Case) for row in connection.execute(query)]

    def _write(self, connection: Connection, before: Case, after: Case, action: str, reason: str) -> Entry:
        old, new = msgspec.json.encode(before), msgspec.json.encode(after)
        row = self._trail.add(connection, self._actor, action, _subject(after.id), reason, digest(old), digest(new))
        connection.execute(
            CASES.update()
            .where(CASES.c.id == after.id)
            .values(document=new.decode(), state=after.state, post=derived_id(after.post) if after.post else None)
        )
        return row


def _subject(case_id: str) -> str:
    return f"case:{case_id}"


def _found(connection: Connection, case_id: str) -> Case | None:
    row = connection.execute(sa.select(CASES.c.document).where(CASES.c.id == case_id)).first()
    return None if row is None else msgspec.json.decode(row.document, type=Case)


def _existing(connection: Connection, case_id: str) -> Case:
    case = _found(connection, case_id)
    if case is None:
        raise AdrwatchError(f"there is no case {case_id}", fix="see `adrwatch cases list`")
    return case


def _comments(connection: Connection, case_id: str) -> Iterator[Comment]:
    query = sa.select(COMMENTS.c.at, COMMENTS.c.actor, COMMENTS.c.text).where(COMMENTS.c.case_id == case_id)
    for row in connection.execute(query.order_by(COMMENTS.c.at, COMMENTS.c.id)):
        yield Comment(**row._mapping)

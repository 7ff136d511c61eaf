"""Rows of the audit trail as somebody asks for them: by who acted, what was done, to what, when. The database picks and pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.cases.audit import HIGHEST, Entry
from services.cases.database import Database
from services.cases.tables import AUDIT

# What subjects begin with, before the colon.
NOUNS = ("case", "signal", "alert", "post", "label", "person", "token", "dead-letter")
_AT_ONCE = 2_000


@dataclass(frozen=True)
class Wanted:
    """Which rows; what is empty narrows nothing down. `until` is not within.

    `subject`: one as it stands in the trail (`case:4f0c1d2e3b5a69788796`), its id alone, or a noun (`case`) for all of that kind.
    """

    actor: str = ""
    action: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """The same for a query."""
        # What somebody else put into SQLite may have a number that is none.
        found = [AUDIT.c.seq <= HIGHEST]
        if self.actor:
            found.append(AUDIT.c.actor == self.actor)
        if self.action:
            found.append(AUDIT.c.action == self.action)
        if self.subject in NOUNS:
            found.append(AUDIT.c.subject.startswith(f"{self.subject}:", autoescape=True))
        elif self.subject:
            found.append(AUDIT.c.subject.in_([self.subject, *(f"{noun}:{self.subject}" for noun in NOUNS)]))
        if self.since is not None:
            found.append(AUDIT.c.at >= _stamp(self.since))
        if self.until is not None:
            found.append(AUDIT.c.at < _stamp(self.until))
        return found


@dataclass(frozen=True)
class Part:
    """Some rows, the newest first, and whether there are newer and older ones."""

    rows: list[Entry]
    newer: bool
    older: bool


def part(
    connection: Connection, wanted: Wanted, limit: int, before: int | None = None, after: int | None = None
) -> Part:
    """The newest rows; of those before a number the newest; or of those after a number the oldest."""
    query = sa.select(AUDIT).where(*wanted.conditions).limit(limit + 1)
    if after is not None:
        rows = _entries(connection, query.where(AUDIT.c.seq > after).order_by(AUDIT.c.seq))
        return Part(
            rows[:limit][::-1], newer=len(rows) > limit, older=_is_any(connection, wanted, AUDIT.c.seq <= after)
        )
    if before is not None:
        query = query.where(AUDIT.c.seq < before)
    rows = _entries(connection, query.order_by(AUDIT.c.seq.desc()))
    newer = before is not None and _is_any(connection, wanted, AUDIT.c.seq >= before)
    return Part(rows[:limit], newer=newer, older=len(rows) > limit)


def in_order(database: Database, wanted: Wanted) -> Iterator[list[Entry]]:
    """All that there are now, the oldest first, some at a time. No connection is held between them, however long that takes."""
    query = sa.select(AUDIT).where(*wanted.conditions).order_by(AUDIT.c.seq).limit(_AT_ONCE)
    with database.reading() as connection:
        last = connection.scalar(sa.select(sa.func.max(AUDIT.c.seq)).where(*wanted.conditions))
    seen = 0
    while last is not None and seen < last:
        with database.reading() as connection:
            rows = _entries(connection, query.where(AUDIT.c.seq > seen, AUDIT.c.seq <= last))
        if not rows:
            return
        yield rows
        seen = rows[-1].seq


def distinct(connection: Connection, column: sa.Column[str]) -> list[str]:
    """What stands in a column, such as everybody who acted. Each is looked up in its index: rows are many, people are few."""
    first = sa.select(sa.func.min(column).label("word")).cte("words", recursive=True)
    following = sa.select(sa.func.min(column)).where(column > first.c.word).scalar_subquery()
    words = first.union_all(sa.select(following).where(first.c.word.is_not(None)))
    found = connection.scalars(sa.select(words.c.word).where(words.c.word.is_not(None)))
    return sorted(str(word) for word in found)


def _entries(connection: Connection, query: sa.Select[tuple[object, ...]]) -> list[Entry]:
    """Rows whose words are words: in SQLite, one that somebody altered may hold anything."""
    found = [Entry(**row._mapping) for row in connection.execute(query)]
    return [Entry(row.seq, *(str(getattr(row, name)) for name in Entry.__struct_fields__[1:])) for row in found]


def _is_any(connection: Connection, wanted: Wanted, beyond: sa.ColumnElement[bool]) -> bool:
    query = sa.select(AUDIT.c.seq).where(*wanted.conditions, beyond).limit(1)
    return connection.execute(query).first() is not None


def _stamp(moment: datetime) -> str:
    """As `Trail.add` writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")

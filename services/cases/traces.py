"""What the database keeps of the posts of cases, so that cases can be held against each other: marks, and no text.

A row is made when a case is opened, is filled when the topics have told what they know of the post, and goes when the post is
deleted or when adr.outcomes would have forgotten it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.cases.tables import CASES, TRACES
from shared.cases.duplicates import Marks, Trace
from shared.cases.model import Case
from shared.events import derived_id
from shared.topics import OUTCOMES

_REMEMBERED = timedelta(milliseconds=OUTCOMES.retention_ms)
# Of more cases than these, all rows are read rather than those that concern them: a query takes only so many values.
_MANY = 100
# After any time.
_NEVER = "9"


def begin(connection: Connection, case: Case, at: datetime) -> None:
    """A row for a case that is opened; `at` is its post's time."""
    if case.post is None:
        return
    row = {"opened_at": case.opened_at.isoformat(), "drug": case.drug.id, "post": derived_id(case.post)}
    connection.execute(TRACES.insert().values(case_id=case.id, at=at.isoformat(), looked=0, **row))


def waiting(connection: Connection) -> list[tuple[str, datetime | None]]:
    """Documents of the cases whose posts nobody has looked up yet, with the time of the post where that is known."""
    query = sa.select(CASES.c.document, TRACES.c.at).join(TRACES, TRACES.c.case_id == CASES.c.id)
    found = connection.execute(query.where(TRACES.c.looked == 0, TRACES.c.opened_at >= _oldest()))
    return [(row.document, _time(row.at)) for row in found]


def fill(connection: Connection, posts: Collection[str], known: Mapping[str, Marks]) -> list[str]:
    """Note what is known of the posts of cases that wait; the cases. A post that was deleted meanwhile has no row any more."""
    found: list[str] = []
    for post in sorted(posts):
        here = (TRACES.c.post == derived_id(post)) & (TRACES.c.looked == 0)
        cases = connection.scalars(sa.select(TRACES.c.case_id).where(here)).all()
        marks = known.get(post, Marks())
        values: dict[str, Any] = {"author": marks.author, "fingerprint": marks.fingerprint, "sketch": marks.sketch}
        if marks.at is not None:
            values["at"] = marks.at.isoformat()
        connection.execute(TRACES.update().where(here).values(looked=1, **values))
        found += cases
    return found


def outdated(connection: Connection) -> bool:
    """Whether something is kept for longer than it may be."""
    return (
        connection.execute(sa.select(TRACES.c.case_id).where(TRACES.c.opened_at < _oldest()).limit(1)).first()
        is not None
    )


def drop_outdated(connection: Connection) -> None:
    """Keep nothing for longer than it may be."""
    connection.execute(TRACES.delete().where(TRACES.c.opened_at < _oldest()))


def drop(connection: Connection, cases: Collection[str]) -> None:
    """Keep nothing of the posts of these cases."""
    for case in cases:
        connection.execute(TRACES.delete().where(TRACES.c.case_id == case))


def later(connection: Connection, cases: Collection[str]) -> set[str]:
    """These cases, with those that were opened after the first of them and were looked into before it."""
    if not cases:
        return set()
    opened = (connection.scalar(sa.select(TRACES.c.opened_at).where(TRACES.c.case_id == case)) for case in cases)
    first = min(at or _NEVER for at in opened)
    query = sa.select(TRACES.c.case_id).where(TRACES.c.looked == 1, TRACES.c.opened_at > first)
    return {*cases, *connection.scalars(query)}


def candidates(connection: Connection, cases: Collection[str] | None = None) -> list[Trace]:
    """The traces that these cases are to be held against, their own among them, in the order of opening; None for all."""
    query = sa.select(TRACES).where(TRACES.c.looked == 1).order_by(TRACES.c.opened_at, TRACES.c.case_id)
    if cases is not None and len(cases) <= _MANY:
        own = connection.execute(sa.select(TRACES).where(TRACES.c.case_id.in_(cases))).all()
        shared = (
            column.in_({value for row in own if (value := row._mapping[column.name]) is not None})
            for column in (TRACES.c.drug, TRACES.c.post, TRACES.c.author, TRACES.c.fingerprint)
        )
        query = query.where(sa.or_(*shared))
    return [
        Trace(row.case_id, row.drug, row.post, row.author, row.fingerprint, row.sketch)
        for row in connection.execute(query)
    ]


def looked_into(connection: Connection) -> dict[str, datetime | None]:
    """The cases whose posts were looked up, with the times of the posts."""
    query = sa.select(TRACES.c.case_id, TRACES.c.at).where(TRACES.c.looked == 1)
    return {row.case_id: _time(row.at) for row in connection.execute(query)}


def _oldest() -> str:
    return (datetime.now(UTC) - _REMEMBERED).isoformat()


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)

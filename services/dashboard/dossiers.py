"""The states of all cases and signals by the alert that they come from, in memory; only what was written is read anew."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.cases.audit import Trail
from services.cases.book import MACHINE
from services.cases.casebook import Casebook
from services.cases.database import Database
from services.cases.reviews import Reviews
from services.cases.tables import AUDIT
from shared.cases.model import Case
from shared.cases.review import Review

# What writes no dossier.
_LOOKS = ("read", "export", "comment")
# After so many changes all are read anew.
_MANY = 50
Dossier = Case | Review


class Dossiers:
    """What is in the database, kept up by the audit trail: to decode hundreds of dossiers for every page takes most of its time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._head: tuple[str, int, str] | None = None
        self._found: dict[str, Dossier] = {}

    def by_alert(self, database: Database, trail: Trail) -> Mapping[str, Dossier]:
        """Reviews and cases by the id of their alert; what was given stays as it is. Raises DependencyAway."""
        with self._lock:
            with database.reading() as connection:
                head, changed = self._changed(connection, database.address)
            if changed is None or changed:
                self._found = self._read(database, trail, changed)
            self._head = head
            return self._found

    def _changed(self, connection: Connection, address: str) -> tuple[tuple[str, int, str], list[str] | None]:
        """The last row of the trail, and the subjects that rows since the last look name; None where all are to be read."""
        last = connection.execute(sa.select(AUDIT.c.seq, AUDIT.c.mac).order_by(AUDIT.c.seq.desc()).limit(1)).first()
        head = (address, 0, "") if last is None else (address, int(last.seq), str(last.mac))
        known = self._head
        if head == known:
            return head, []
        if known is None or known[0] != address or head[1] <= known[1]:
            return head, None
        query = sa.select(AUDIT.c.subject).where(AUDIT.c.seq > known[1], AUDIT.c.action.not_in(_LOOKS)).distinct()
        subjects = list(connection.scalars(query.limit(_MANY + 1)))
        return head, subjects if len(subjects) <= _MANY else None

    def _read(self, database: Database, trail: Trail, subjects: Iterable[str] | None) -> dict[str, Dossier]:
        reviews, cases = Reviews(database, trail, MACHINE), Casebook(database, trail, MACHINE)
        if subjects is None:
            read: list[Dossier] = [*reviews.all(), *cases.all()]
            found = {}
        else:
            named = [one.partition(":")[::2] for one in subjects]
            found = dict(self._found)
            read = [
                *reviews.some(name for noun, name in named if noun == Review.noun),
                *cases.some(name for noun, name in named if noun == Case.noun),
            ]
        for one in read:
            alert = one.alert if isinstance(one, Case) else one.id
            if alert is not None:
                found[alert] = one
        return found

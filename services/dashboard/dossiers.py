"""The states of all cases and signals by the alert that they come from, read anew only when somebody has written."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import sqlalchemy as sa

from services.cases.audit import Trail
from services.cases.book import MACHINE
from services.cases.casebook import Casebook
from services.cases.database import Database
from services.cases.reviews import Reviews
from services.cases.tables import AUDIT
from shared.cases.model import Case
from shared.cases.review import Review


class Dossiers:
    """What is in the database, kept in memory: decoding hundreds of dossiers for every page would take most of its time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._head: tuple[str, int] | None = None
        self._found: dict[str, Case | Review] = {}

    def by_alert(self, database: Database, trail: Trail) -> Mapping[str, Case | Review]:
        """Reviews and cases by the id of their alert. Raises DependencyAway."""
        with database.reading() as connection:
            head = (database.address, int(connection.scalar(sa.select(sa.func.max(AUDIT.c.seq))) or 0))
        with self._lock:
            if head != self._head:
                found: dict[str, Case | Review] = {one.id: one for one in Reviews(database, trail, MACHINE).all()}
                found |= {one.alert: one for one in Casebook(database, trail, MACHINE).all() if one.alert is not None}
                self._found, self._head = found, head
            return self._found

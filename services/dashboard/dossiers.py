"""The states of all cases and signals by the alert that they come from, read anew only when somebody has changed one."""

from __future__ import annotations

import threading
from collections.abc import Mapping

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


class Dossiers:
    """What is in the database, kept in memory: decoding hundreds of dossiers for every page would take most of its time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._head: tuple[str, int] | None = None
        self._found: dict[str, Case | Review] = {}

    def by_alert(self, database: Database, trail: Trail) -> Mapping[str, Case | Review]:
        """Reviews and cases by the id of their alert. Raises DependencyAway."""
        read = self._head
        with database.reading() as connection:
            head = (database.address, int(connection.scalar(sa.select(sa.func.max(AUDIT.c.seq))) or 0))
            # A database that went back, or another one, is read anew.
            ahead = read is not None and read[0] == head[0] and read[1] <= head[1]
            same = read is not None and ahead and (read == head or _only_looked(connection, read[1]))
        with self._lock:
            known = self._head
            # Somebody else may have read on meanwhile: what they found is newer than what was asked for.
            if known is None or known == read or (known[0] == head[0] and known[1] < head[1]):
                if not same:
                    found: dict[str, Case | Review] = {one.id: one for one in Reviews(database, trail, MACHINE).all()}
                    found |= {
                        one.alert: one for one in Casebook(database, trail, MACHINE).all() if one.alert is not None
                    }
                    self._found = found
                self._head = head
            return self._found


def _only_looked(connection: Connection, seq: int) -> bool:
    """Whether nothing was changed after a row of the trail: that somebody looked, or signed in, is a row, too."""
    changed = sa.select(AUDIT.c.seq).where(AUDIT.c.seq > seq, AUDIT.c.before != AUDIT.c.after).limit(1)
    return connection.execute(changed).first() is None

"""The audit trail: who did what to which case, when and why, so that nobody can change it unseen.

Each row carries an HMAC over itself and over the row before it, so that a row that was altered, removed or put in between breaks
the chain. Whoever holds the key could write a whole new chain; therefore the head (number and HMAC of the last row) of every
transaction is written to a file outside the database (`anchors`). Rows hold hashes of what was before and after, never text of a
post or an identifier.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.cases.anchors import Anchor, Anchors
from services.cases.database import Database
from services.cases.tables import AUDIT
from shared.secret_file import Secret, kept
from shared.settings import Settings

SECRET_FILE, ANCHORS_FILE = "audit.secret", "audit-anchors.jsonl"
_SECRET = Secret("audit secret", "ADRWATCH_AUDIT_SECRET", "a new one makes the whole trail look rewritten")
_FIRST = ""
# No number of a row is higher.
HIGHEST = 2**63 - 1
_AT_ONCE = 2_000


class Entry(msgspec.Struct, frozen=True):
    """One row. `before` and `after` are hashes of the subject's document, empty where there is none."""

    seq: int
    at: str
    actor: str
    action: str
    subject: str
    reason: str
    before: str
    after: str
    mac: str


@dataclass(frozen=True)
class Flaw:
    """What is wrong with the trail, from row `seq` on."""

    kind: Literal["altered", "removed", "cut off", "rewritten", "not anchored"]
    seq: int
    detail: str


@dataclass
class Recording:
    """A transaction that changes something, and the rows that say so."""

    connection: Connection
    _trail: Trail
    head: Entry | None = None

    def add(self, actor: str, action: str, subject: str, reason: str, before: str = "", after: str = "") -> Entry:
        """Add a row."""
        self.head = self._trail.add(self.connection, actor, action, subject, reason, before, after)
        return self.head


class Trail:
    """Adds rows, anchors the head, verifies both."""

    def __init__(self, key: str, anchors: Path) -> None:
        self._key = key.encode()
        self._anchors = Anchors(anchors)

    @classmethod
    def of(cls, settings: Settings) -> Trail:
        """The trail of the settings. Raises AdrwatchError for a secret that cannot be used."""
        key = kept(_SECRET, settings.audit_secret, settings.data_dir / SECRET_FILE)
        return cls(key, settings.audit_anchors or settings.data_dir / ANCHORS_FILE)

    def derived_key(self, purpose: str) -> bytes:
        """A key for something else, 32 bytes, always the same; the trail's own cannot be found from it."""
        return hmac.new(self._key, purpose.encode(), hashlib.sha256).digest()

    @contextmanager
    def recording(self, database: Database) -> Iterator[Recording]:
        """One transaction, alone, with its rows; its head is anchored before and after it is committed.

        Raises AdrwatchError where it cannot be anchored, and then nothing was done.
        """
        with database.writing() as connection:
            recording = Recording(connection, self)
            yield recording
            head = recording.head
            if head is not None:
                self._anchors.intend(head.seq, head.mac)
        if head is not None:
            self._anchors.settle(head.seq, head.mac)

    def add(
        self,
        connection: Connection,
        actor: str,
        action: str,
        subject: str,
        reason: str,
        before: str = "",
        after: str = "",
    ) -> Entry:
        """Add a row to the chain; the transaction is the caller's. Use `recording`."""
        last = connection.execute(sa.select(AUDIT.c.seq, AUDIT.c.mac).order_by(AUDIT.c.seq.desc()).limit(1)).first()
        seq, previous = (last.seq + 1, last.mac) if last else (1, _FIRST)
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        row = Entry(seq, at, actor, action, subject, reason, before, after, "")
        row = msgspec.structs.replace(row, mac=self._mac(row, previous))
        connection.execute(AUDIT.insert().values(**msgspec.structs.asdict(row)))
        return row

    def verify(self, database: Database) -> tuple[int, list[Flaw]]:
        """The number of rows and everything that is wrong with them. Raises AdrwatchError for anchors that cannot be read.

        People go on to work: nobody writes only while the last row and the end of the anchors are looked up, and what comes after
        them is left out. Rows and anchors are read some at a time, as there may be many.
        """
        with database.writing() as connection:
            last = connection.scalar(sa.select(sa.func.max(AUDIT.c.seq)).where(AUDIT.c.seq <= HIGHEST)) or 0
            anchors = self._anchors.read(self._anchors.size())
        with database.reading() as connection:
            rows, end, flaws = self._chain(connection, last)
            flaws += self._heads(connection, end, anchors)
        return rows, sorted(flaws, key=lambda flaw: flaw.seq)

    def doubted(self, connection: Connection, rows: Sequence[Entry]) -> set[int]:
        """The numbers of those rows whose code does not fit what they say and the row before them."""
        befores = sa.select(AUDIT.c.seq, AUDIT.c.mac).where(AUDIT.c.seq.in_([row.seq - 1 for row in rows]))
        codes = {row.seq: row.mac for row in connection.execute(befores)}
        return {row.seq for row in rows if not self._fits(row, codes.get(row.seq - 1, _FIRST))}

    def _chain(self, connection: Connection, last: int) -> tuple[int, int, list[Flaw]]:
        """How many rows there are up to one, the number of the last of them, and what is wrong with them."""
        rows = unnumbered = 0
        before: Entry | None = None
        flaws = []
        # SQLite keeps whatever it is given: what is above the highest number is none.
        for row in read(connection, (AUDIT.c.seq <= last) | (AUDIT.c.seq > HIGHEST)):
            rows += 1
            number: Any = row.seq
            if not isinstance(number, int):
                unnumbered += 1
                continue
            expected = before.seq + 1 if before else 1
            if row.seq != expected:
                flaws.append(Flaw("removed", expected, f"rows {expected} to {row.seq - 1} are missing"))
            elif not self._fits(row, before.mac if before else _FIRST):
                flaws.append(Flaw("altered", row.seq, "its code does not fit what it says and the row before it"))
            before = row
        if unnumbered:
            flaws.append(Flaw("altered", 0, f"{unnumbered} rows have no number"))
        return rows, before.seq if before else 0, flaws

    def _heads(self, connection: Connection, last: int, anchors: Iterator[Anchor]) -> Iterator[Flaw]:
        settled = intended = 0
        other: int | None = None
        while some := list(islice(anchors, _AT_ONCE)):
            numbers = sa.select(AUDIT.c.seq, AUDIT.c.mac).where(AUDIT.c.seq.in_({one.seq for one in some}))
            codes = {row.seq: row.mac for row in connection.execute(numbers)}
            for one in some:
                if one.settled:
                    settled = max(settled, one.seq)
                    if codes.get(one.seq, one.mac) != one.mac:
                        other = one.seq if other is None else min(other, one.seq)
                # An intention stands for its row; one that is not there was never committed.
                elif codes.get(one.seq) == one.mac:
                    intended = max(intended, one.seq)
        if settled > last:
            yield Flaw("cut off", last + 1, f"rows {last + 1} to {settled} are missing at the end")
        highest = max(settled, intended)
        if last > highest:
            yield Flaw(
                "not anchored", highest + 1, f"rows {highest + 1} to {last} are not anchored, or anchors are missing"
            )
        if other is not None:
            yield Flaw("rewritten", other, "from this row on the trail is not the one that was anchored")

    def _fits(self, row: Entry, previous: str) -> bool:
        return hmac.compare_digest(str(row.mac).encode(), self._mac(row, previous).encode())

    def _mac(self, row: Entry, previous: str) -> str:
        content: list[Any] = [
            row.seq,
            row.at,
            row.actor,
            row.action,
            row.subject,
            row.reason,
            row.before,
            row.after,
            previous,
        ]
        return hmac.new(self._key, json.dumps(content, default=repr).encode(), hashlib.sha256).hexdigest()


def read(connection: Connection, which: sa.ColumnElement[bool] | None = None) -> Iterator[Entry]:
    """All rows in order, or some of them; not all are held at once."""
    query = sa.select(AUDIT).order_by(AUDIT.c.seq)
    if which is not None:
        query = query.where(which)
    for row in connection.execute(query, execution_options={"yield_per": _AT_ONCE}):
        yield Entry(**row._mapping)


def digest(document: bytes) -> str:
    """What the trail keeps of a document."""
    return hashlib.sha256(document).hexdigest()

"""The audit trail: who did what to which case, when and why, so that nobody can change it unseen.

Each row carries an HMAC over itself and over the row before it, so that a row that was altered, removed or put in between breaks
the chain. Whoever holds the key could write a whole new chain; therefore the head (number and HMAC of the last row) is written to a
file outside the database after every row. Rows hold hashes of what was before and after, never text of a post or an identifier.

Order of steps: the change and its row are one transaction; after it is committed the head is anchored. A crash in between leaves
the last row without an anchor, which `verify` takes for what it is: it is the one row that could be cut off unseen.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.cases.tables import AUDIT
from shared.errors import AdrwatchError
from shared.secret_file import Secret, kept
from shared.settings import Settings

SECRET_FILE, ANCHORS_FILE = "audit.secret", "audit-anchors.jsonl"
_SECRET = Secret("audit secret", "ADRWATCH_AUDIT_SECRET", "a new one makes the whole trail look rewritten")
_FIRST = ""


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


class Anchor(msgspec.Struct, frozen=True):
    """The head of the trail at one time."""

    seq: int
    mac: str


@dataclass(frozen=True)
class Flaw:
    """What is wrong with the trail, from row `seq` on."""

    kind: Literal["altered", "removed", "cut off", "rewritten", "not anchored"]
    seq: int
    detail: str


class Trail:
    """Adds rows and anchors the head."""

    def __init__(self, key: str, anchors: Path) -> None:
        self._key = key.encode()
        self._anchors = anchors

    @classmethod
    def of(cls, settings: Settings) -> Trail:
        """The trail of the settings. Raises AdrwatchError for a secret that cannot be used."""
        key = kept(_SECRET, settings.audit_secret, settings.data_dir / SECRET_FILE)
        return cls(key, settings.audit_anchors or settings.data_dir / ANCHORS_FILE)

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
        """Add a row within the transaction of the change. Call `anchor` with it when that is committed."""
        last = connection.execute(sa.select(AUDIT.c.seq, AUDIT.c.mac).order_by(AUDIT.c.seq.desc()).limit(1)).first()
        seq, previous = (last.seq + 1, last.mac) if last else (1, _FIRST)
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        row = Entry(seq, at, actor, action, subject, reason, before, after, "")
        row = msgspec.structs.replace(row, mac=self._mac(row, previous))
        connection.execute(AUDIT.insert().values(**msgspec.structs.asdict(row)))
        return row

    def anchor(self, row: Entry) -> None:
        """Write the head outside the database. Raises AdrwatchError where that cannot be done; the row stands."""
        line = json.dumps({"seq": row.seq, "mac": row.mac}) + "\n"
        try:
            self._anchors.parent.mkdir(parents=True, exist_ok=True)
            with self._anchors.open("a", encoding="ascii") as stream:
                stream.write(line)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise AdrwatchError(
                f"the audit trail cannot be anchored in {self._anchors}: {error.strerror}; what was done stands",
                fix="make room or mend ADRWATCH_AUDIT_ANCHORS; the next action anchors the head again",
            ) from error

    def verify(self, connection: Connection) -> tuple[int, list[Flaw]]:
        """The number of rows and everything that is wrong with them. Raises AdrwatchError for anchors that cannot be read."""
        rows = list(read(connection))
        anchors = self._read_anchors()
        flaws = [*self._chain(rows), *self._heads(rows, anchors)]
        return len(rows), sorted(flaws, key=lambda flaw: flaw.seq)

    def _chain(self, rows: Sequence[Entry]) -> Iterator[Flaw]:
        before: Entry | None = None
        for row in rows:
            expected = before.seq + 1 if before else 1
            if row.seq != expected:
                yield Flaw("removed", expected, f"rows {expected} to {row.seq - 1} are missing")
            elif not hmac.compare_digest(row.mac, self._mac(row, before.mac if before else _FIRST)):
                yield Flaw("altered", row.seq, "its code does not fit what it says and the row before it")
            before = row

    def _heads(self, rows: Sequence[Entry], anchors: Sequence[Anchor]) -> Iterator[Flaw]:
        by_number = {row.seq: row for row in rows}
        last = rows[-1].seq if rows else 0
        highest = max((anchor.seq for anchor in anchors), default=0)
        if highest > last:
            yield Flaw("cut off", last + 1, f"rows {last + 1} to {highest} are missing at the end")
        # One row may wait for its anchor when a process dies between the two.
        if last - highest > 1:
            yield Flaw(
                "not anchored", highest + 1, f"rows {highest + 1} to {last} were never anchored, or anchors are missing"
            )
        others = [
            anchor.seq for anchor in anchors if anchor.seq in by_number and by_number[anchor.seq].mac != anchor.mac
        ]
        if others:
            yield Flaw("rewritten", min(others), "from this row on the trail is not the one that was anchored")

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
        return hmac.new(self._key, json.dumps(content).encode(), hashlib.sha256).hexdigest()

    def _read_anchors(self) -> list[Anchor]:
        if not self._anchors.exists():
            return []
        found = []
        with self._anchors.open(encoding="ascii", errors="replace") as stream:
            for number, line in enumerate(stream, start=1):
                try:
                    found.append(msgspec.json.decode(line, type=Anchor))
                except msgspec.DecodeError:
                    raise AdrwatchError(
                        f"{self._anchors}, line {number}: no anchor", fix="restore the file from a backup"
                    ) from None
        return found


def read(connection: Connection) -> Iterator[Entry]:
    """All rows in order."""
    for row in connection.execute(sa.select(AUDIT).order_by(AUDIT.c.seq)):
        yield Entry(**row._mapping)


def digest(document: bytes) -> str:
    """What the trail keeps of a document."""
    return hashlib.sha256(document).hexdigest()

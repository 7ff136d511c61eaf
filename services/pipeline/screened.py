"""What the screen took out, from what the topics hold: counts, and a random sample for a person to judge.

The last outcome of a post counts. No text is kept.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from shared.broker import Stored
from shared.errors import BadMessage
from shared.events import Event, Outcome, Post, decode
from shared.scratch import Scratch, room

E = TypeVar("E", bound=Event)
_PREFIX = "screened:"
_AT_ONCE = 2_000
_TABLE = """
CREATE TABLE outcomes (id TEXT PRIMARY KEY, day TEXT, source TEXT, reason TEXT, draw BLOB, closed INTEGER,
    kept INTEGER DEFAULT 0);
"""


@dataclass(frozen=True, slots=True)
class Count:
    """Posts of one source, written on one day (UTC), that stopped for one reason, and how many posts it had in all that day."""

    day: str
    source: str
    reason: str
    posts: int
    of: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """A post that stopped, with its masked text."""

    reason: str
    source: str
    day: str
    id: str
    text: str


class Screened(Scratch):
    """The outcomes that were read. `unreadable` counts records that are no message of adrwatch. Use as a context manager.

    `seed` decides which posts a sample holds: the same ones, as long as the same posts are there.
    """

    def __init__(self, seed: int = 13, since: datetime | None = None) -> None:
        self.unreadable = 0
        self._seed = seed
        self._since = since
        super().__init__(_TABLE)

    def read_outcomes(self, records: Iterable[Stored]) -> None:
        """Take in what lies in adr.outcomes."""
        outcomes = (self._row(decoded) for record in records if (decoded := self._decoded(record, Outcome)) is not None)
        self._run(
            "INSERT OR REPLACE INTO outcomes (id, day, source, reason, draw, closed) VALUES (?, ?, ?, ?, ?, ?)",
            (row for row in outcomes if row is not None),
        )

    def counts(self) -> list[Count]:
        """By day, source and reason, in this order."""
        rows = self._database.execute("""
            SELECT day, source, reason, count(*), of FROM outcomes
            JOIN (SELECT day, source, count(*) AS of FROM outcomes GROUP BY day, source) USING (day, source)
            WHERE reason IS NOT NULL GROUP BY day, source, reason ORDER BY day, source, reason
        """)
        return [Count(*row) for row in rows]

    def reasons(self) -> dict[str, int]:
        """How many posts stopped, by reason."""
        return dict(
            self._database.execute(
                "SELECT reason, count(*) FROM outcomes WHERE reason IS NOT NULL GROUP BY reason ORDER BY reason"
            )
        )

    def note_kept(self, records: Iterable[Stored]) -> None:
        """Learn from adr.posts whose text is still there: an expired post has no record, a deleted one a tombstone at the end.

        Where only aggregates may be kept, the text is shown to nobody, even while it is there.
        """
        self._run(
            "UPDATE outcomes SET kept = ? WHERE id = ? AND reason IS NOT NULL AND NOT closed",
            ((record.value is not None, (record.key or b"").decode(errors="replace")) for record in records),
        )

    def sample(self, number: int, records: Iterable[Stored], reason: str | None = None) -> list[Drawn]:
        """At most `number` posts of each reason (or of one), drawn among those whose text is kept, with the texts of `records`."""
        chosen = {
            key: (why, source, day)
            for key, why, source, day in self._database.execute(
                """
                SELECT id, reason, source, day FROM (
                    SELECT *, row_number() OVER (PARTITION BY reason ORDER BY draw) AS place FROM outcomes
                    WHERE kept AND reason IS NOT NULL AND reason = coalesce(?, reason)
                ) WHERE place <= ? ORDER BY reason, draw
                """,
                (reason, number),
            )
        }
        texts: dict[str, str] = {}
        for record in records:
            key = (record.key or b"").decode(errors="replace")
            if key in chosen:
                texts.pop(key, None)
                if record.value is not None and (post := self._decoded(record, Post)) is not None:
                    texts[key] = post.text
        # One that was deleted in between is left out.
        return [Drawn(*about, key, texts[key]) for key, about in chosen.items() if key in texts]

    def _decoded(self, record: Stored, kind: type[E]) -> E | None:
        try:
            return decode(record.value, kind)
        except BadMessage:
            self.unreadable += 1
            return None

    def _row(self, outcome: Outcome) -> tuple[Any, ...] | None:
        if self._since is not None and outcome.created_at < self._since:
            return None
        reason = outcome.status.removeprefix(_PREFIX) if outcome.status.startswith(_PREFIX) else None
        draw = hashlib.blake2b(f"{self._seed}\x1f{outcome.post_id}".encode(), digest_size=8).digest()
        return (
            outcome.post_id,
            f"{outcome.created_at.astimezone(UTC):%Y-%m-%d}",
            outcome.post_id.partition(":")[0],
            reason,
            draw,
            outcome.aggregates_only,
        )

    def _run(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        rows = iter(rows)
        while part := list(itertools.islice(rows, _AT_ONCE)):
            with room():
                self._database.executemany(statement, part)

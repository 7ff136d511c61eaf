"""The place of a source of X, as it stands in `adr.positions`: where it goes on, what was read this month, when it last asked."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

_PARTS = 4


@dataclass(frozen=True)
class Place:
    """`since`: everything before this id is read. `month` (`2026-11`, UTC) and `read` count posts, which the plan pays for.

    `asked`: when X was last asked which posts are gone, in seconds since 1970.
    """

    since: int
    month: str = ""
    read: int = 0
    asked: int = 0

    @classmethod
    def decode(cls, cursor: str) -> Place:
        """The place of a cursor. Raises ValueError if it is none."""
        parts = cursor.split(":")
        if len(parts) != _PARTS:
            raise ValueError("no place of X")
        since, month, read, asked = parts
        return cls(int(since), month, int(read), int(asked))

    def encode(self) -> str:
        """The place as a cursor."""
        return f"{self.since}:{self.month}:{self.read}:{self.asked}"

    def counted(self, now: float) -> Place:
        """The place after one more post was read."""
        month = month_of(now)
        return replace(self, month=month, read=self.read + 1 if month == self.month else 1)

    def read_in_month_of(self, now: float) -> int:
        """How many posts were read in the month of a time."""
        return self.read if month_of(now) == self.month else 0


def month_of(now: float) -> str:
    """The month of a time, UTC: X's plans count so."""
    return time.strftime("%Y-%m", time.gmtime(now))


def next_month(now: float) -> datetime:
    """When the month of a time ends."""
    at = datetime.fromtimestamp(now, UTC)
    return datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC)

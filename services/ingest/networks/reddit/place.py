"""How far a source of Reddit has come, as it stands in `adr.positions`."""

from __future__ import annotations

import msgspec


class Place(msgspec.Struct):
    """Times are seconds since 1970 by Reddit's clock, but for `reached`, which is this machine's.

    `read`: up to when each watch was read, by its key; `asked`: when Reddit was last asked what still stands; `reached`: when all
    watches had last been read.
    """

    read: dict[str, float]
    asked: float
    reached: float

    @classmethod
    def decode(cls, cursor: str) -> Place:
        """The place of a cursor. Raises ValueError if it is none."""
        return msgspec.json.decode(cursor, type=cls)

    def encode(self) -> str:
        """The place as a cursor."""
        return msgspec.json.encode(self).decode()

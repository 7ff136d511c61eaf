"""The stages that stand still for their dead letters, as `adrwatch dead-letters paused` lists them."""

from __future__ import annotations

from collections.abc import Sequence

from services.dashboard.operations.tail import Tail
from services.dashboard.operations.watch import Found
from shared.errors import BadMessage
from shared.events import Hold
from shared.settings import Settings
from shared.stream import gate
from shared.topics import HOLDS


class Stages:
    """The holds in force. For one thread."""

    def __init__(self, settings: Settings) -> None:
        self._tail = Tail(settings, HOLDS)
        self._holds: dict[str, Hold] = {}

    def look(self) -> list[Hold]:
        """Those that no one has let go on yet, the oldest first. Raises DependencyAway."""
        for record in self._tail.catch_up():
            try:
                gate.take(self._holds, (record.key or b"").decode(errors="replace"), record.value)
            except BadMessage:
                continue
        return sorted((hold for hold in self._holds.values() if hold.released_at is None), key=lambda hold: hold.since)

    def close(self) -> None:
        """Let the connection go."""
        self._tail.close()


def judged(holds: Sequence[Hold]) -> Found:
    """A stage that stands still waits for somebody. Pure."""
    if not holds:
        return Found("all go on")
    detail = "; ".join(
        f"{hold.stage} at partition {hold.partition} of {hold.topic}: {hold.dead} of {hold.read} refused"
        f" ({', '.join(hold.reasons)})"
        for hold in holds
    )
    return Found(
        detail, "a stage stands still: too many of its records became dead letters",
        "mend that, then: adrwatch dead-letters resume",
    )  # fmt: skip

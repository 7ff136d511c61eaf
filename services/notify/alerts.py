"""Alerts as they lie in their topic, and which of them a digest takes in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.notify.notices import State
from shared.errors import BadMessage
from shared.events import Alert, decode

HOUR_MS = 3_600_000


def state_of(key: bytes | None, value: bytes | None, offset: int, published_ms: int) -> State:
    """One record of the topic of alerts. Raises BadMessage where it is no alert."""
    if value is None:
        return State((key or b"").decode(errors="replace"), None, offset, published_ms)
    alert = decode(value, Alert)
    return State(alert.id, alert, offset, published_ms)


def readable(records: Iterable[tuple[bytes | None, bytes | None, int, int]]) -> list[State]:
    """The records that are alerts; the others go to the dead letters elsewhere."""
    found = []
    for record in records:
        try:
            found.append(state_of(*record))
        except BadMessage:
            continue
    return found


def boundary_ms(moment_ms: int, hours: int) -> int:
    """The last full turn of `hours`, counted from 1970 in UTC: for 24 the last midnight."""
    return moment_ms // (hours * HOUR_MS) * hours * HOUR_MS


def due(states: Sequence[State], start: int, before_ms: int | None) -> tuple[list[State], int]:
    """What a digest of everything published before a moment takes in (None: everything), and where the next one begins.

    `states` are those from offset `start` on. An alert counts as it is now, not as it was; one that was taken back or has become
    urgent meanwhile is left to those who tell it at once. Derived from the topic alone, so that a restart changes nothing.
    """
    later = next((one.offset for one in states if before_ms is not None and one.published_ms >= before_ms), None)
    latest = {one.alert_id: one for one in states}
    ids = dict.fromkeys(one.alert_id for one in states if _special(one) and (later is None or one.offset < later))
    after = states[-1].offset + 1 if states else start
    return [latest[alert_id] for alert_id in ids if _special(latest[alert_id])], after if later is None else later


def _special(state: State) -> bool:
    return state.alert is not None and state.alert.lane == "special"

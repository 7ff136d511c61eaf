"""How far live sources have come, as the topic `adr.positions` has it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from services.ingest.networks.retention import forgotten
from services.ingest.networks.segments import Contents
from shared.broker import Stored, TopicReader
from shared.errors import BadMessage
from shared.events import Position, decode, now
from shared.settings import Settings
from shared.topics import POSITIONS

# A process that works writes every few seconds.
SILENT_SECONDS = 60.0


def read(settings: Settings) -> dict[str, Position]:
    """The last position of every source. Raises what TopicReader raises."""
    with TopicReader(settings, POSITIONS) as reader:
        return latest(reader.to_end())


def latest(records: Iterable[Stored]) -> dict[str, Position]:
    """The last readable record of each source."""
    found: dict[str, Position] = {}
    for record in records:
        try:
            position = decode(record.value, Position)
        except BadMessage:
            # The one before it is behind at most, and what follows it comes again.
            continue
        found[position.source] = position
    return found


def next_try(seconds: float, at: datetime) -> str:
    """When a source that waits from a time on tries again, for people; nothing for what is over before they look at the list."""
    return f"; next try {at + timedelta(seconds=seconds):%Y-%m-%d %H:%M} (UTC)" if seconds >= SILENT_SECONDS else ""


def report(name: str, kind: str, address: str, position: Position | None, spool: Contents) -> dict[str, Any]:
    """One source for `adrwatch sources list`. `lag_seconds` is the age of its last event when it was last heard of.

    `spooled` counts the posts that wait in its spool on this machine, `spooled_since` is when the oldest was put there.
    """
    waits = {
        "spooled": spool.posts,
        "spooled_bytes": spool.bytes,
        "spooled_since": datetime.fromtimestamp(spool.since, UTC).isoformat() if spool.since is not None else None,
    }
    if position is None:
        return {
            "name": name,
            "type": kind,
            "address": address,
            "state": "never ran",
            "position": None,
            "forgotten": None,
            **waits,
        }
    silent = (now() - position.written_at).total_seconds()
    state = position.state
    lag = (position.written_at - position.reached).total_seconds() if position.reached else None
    return {
        "name": name,
        "type": kind,
        "address": address,
        "state": "not heard of" if state != "stopped" and silent > SILENT_SECONDS else state,
        "position": position.cursor,
        "reached": position.reached.isoformat() if position.reached else None,
        "heard": position.written_at.isoformat(),
        "per_second": position.per_second,
        "lag_seconds": None if lag is None else round(max(0.0, lag), 1),
        "posts": position.posts,
        "reconnects": position.reconnects,
        "error": position.error,
        "since": position.since.isoformat() if position.since else None,
        "forgotten": forgotten(position),
        **waits,
    }

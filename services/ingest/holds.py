"""The stages that stand still for their dead letters, and letting them go on (shared.stream.gate)."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from msgspec.structs import replace

from services.ingest.delivery import Message
from services.ingest.producer import delivery
from shared import followed
from shared.events import Hold, encode, now
from shared.settings import Settings
from shared.stream import gate
from shared.topics import HOLDS


def in_force(settings: Settings) -> list[Hold]:
    """The holds in force, the oldest first. Raises what TopicReader raises."""
    holds = followed.read(settings, HOLDS, gate.take).values()
    return sorted((hold for hold in holds if hold.released_at is None), key=lambda hold: hold.since)


def release(settings: Settings, holds: Sequence[Hold], why: str, give_up: float) -> int:
    """Let stages go on, in every worker. Returns how many of the holds the broker has acknowledged as released."""
    done: list[Hold] = []
    with delivery(settings, give_up) as outgoing:
        for hold in holds:
            released = replace(hold, released_at=now(), released_why=why)
            name = gate.key(hold.stage, hold.topic, hold.partition).encode()
            message = Message(HOLDS.name(settings.topic_prefix), name, encode(released), 0)
            outgoing.send(message, functools.partial(done.append, hold))
        outgoing.finish()
    return len(done)

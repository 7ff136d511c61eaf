"""The consumer group of alerting, as the broker knows it."""

from __future__ import annotations

from shared import broker
from shared.groups import group_of
from shared.settings import Settings
from shared.topics import Topic

SERVICE = "alerting"


def committed(settings: Settings, topic: Topic) -> dict[int, int]:
    """How far the group of alerting has read each partition of a topic; none where it never did."""
    return broker.committed(settings, group_of(settings, SERVICE), topic)

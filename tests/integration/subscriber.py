"""Mentions, alerts and deletions for the tests of what analysts get; made up, like the posts they would come from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.events import Alert, Concept, Deletion, Event, Mention, Span, derived_id, encode, mention_id
from shared.settings import Settings
from shared.stream import Output
from shared.topics import ALERTS, DELETIONS, MENTIONS, Topic, partition_of
from shared.writer import Writer

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
SERTRALINE, IBUPROFEN = Concept("DB01104", "sertraline"), Concept("DB01050", "ibuprofen")
NAUSEA, RASH = Concept("HP:0002018", "Nausea"), Concept("HP:0000988", "Skin rash")
_SPANS = Span(0, 10), Span(20, 26)


def mention(number: int, drug: Concept = SERTRALINE, reaction: Concept = NAUSEA, **more: Any) -> Mention:
    """Of post `number`, written `number` hours after START."""
    post = f"example:{number}"
    values: dict[str, Any] = {
        "id": mention_id(post, *_SPANS), "post_id": post, "created_at": START + timedelta(hours=number), "drug": drug,
        "reaction": reaction, "drug_span": _SPANS[0], "reaction_span": _SPANS[1], "score": 0.9, "model_version": "test",
    }  # fmt: skip
    return Mention(**values | more)


def alert(number: int, drug: Concept = SERTRALINE, **more: Any) -> Alert:
    """A single report, evaluated `number` hours after START."""
    values: dict[str, Any] = {
        "id": derived_id("alert", str(number)), "kind": "single_report", "lane": "urgent", "drug": drug, "reaction": RASH,
        "episode": START, "evaluated_at": START + timedelta(hours=number), "rules": ("designated",), "rule_version": "1",
        "examples": (f"example:{number}",),
    }  # fmt: skip
    return Alert(**values | more)


def deletion(number: int, **more: Any) -> Deletion:
    """Of post `number`."""
    return Deletion(id=f"example:{number}", deleted_at=START, **more)


def tombstone(gone: Alert) -> Output:
    """What takes an alert back."""
    return Output(ALERTS, gone.id, None)


def write(settings: Settings, *events: Event | Output) -> None:
    """Write them as the services do, in this order, acknowledged when this returns."""
    with Writer(settings, 30.0) as writer:
        writer.write(one if isinstance(one, Output) else _output(one) for one in events)


def _output(event: Event) -> Output:
    topics: dict[type, Topic] = {Mention: MENTIONS, Alert: ALERTS, Deletion: DELETIONS}
    topic = topics[type(event)]
    partition = partition_of(event.drug.id, topic.partitions) if isinstance(event, Mention) else 0
    return Output(topic, str(event.id), encode(event), partition)

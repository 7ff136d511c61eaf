"""`adrwatch alerts duplicates` with rows in a real Redis and alerts in a real topic."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
from kafka import KafkaProducer

from shared.cases.model import case_id
from shared.events import Alert, Post, encode
from shared.signals.rules import shipped
from shared.topics import ALERTS, POSTS, partition_of
from tests.integration.ingest_command import Adrwatch, adrwatch
from tests.unit.alerting.world import HOUR, START, Alerting, Outcome, closing, from_ms, mention, outcome
from tests.unit.signals.signal_rows import sketch_with

__all__ = ["adrwatch"]

RULES = shipped()


def publish(kafka: str, prefix: str, alerts: Sequence[Alert], posts: Sequence[Post]) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
    for alert in alerts:
        producer.send(ALERTS.name(prefix), encode(alert), alert.id.encode())
    for post in posts:
        place = partition_of(post.id, POSTS.partitions)
        producer.send(POSTS.name(prefix), encode(post), post.id.encode(), partition=place)
    producer.flush()
    producer.close()


async def live(url: str, prefix: str, outcomes: Sequence[Outcome], gone: str) -> list[Alert]:
    """What alerting makes of the outcomes, with two serious reports of nearly the same words, after one post was deleted."""
    worker = Alerting(url, prefix, RULES)
    try:
        await worker.count([*outcomes, *closing(48 * HOUR)])
        for number in (0, 1):
            await worker.mentions(mention(f"own:{number}", 30 * HOUR, serious=("hospitalisation",)))
        await worker.delete(gone)
        await worker.tick()
        return list(worker.stream.latest.values())
    finally:
        await worker.link.close()


def test_copies_are_shown_as_clusters_of_a_signal_a_case_and_the_queue(
    adrwatch: Adrwatch, kafka: str, redis_url: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADRWATCH_REDIS_URL", redis_url)
    monkeypatch.setenv("ADRWATCH_REDIS_PREFIX", topic_prefix)
    monkeypatch.setenv("ADRWATCH_NO_CASE_EXPORT", "closed")
    background = [outcome(f"b:{i}", i, ("d2", "r2"), author=f"b{i}") for i in range(200)]
    told = [
        outcome(f"own:{i}", 30 * HOUR + i, ("d1", "r1"), author=f"o{i}", sketch=sketch_with(0, of=10 + i))
        for i in range(2, 9)
    ]
    names = ["own:0", "own:1", "closed:2", "own:gone"]
    copies = [
        outcome(name, 30 * HOUR + i, ("d1", "r1"), author=f"c{i}", sketch=sketch_with(i * 5))
        for i, name in enumerate(names)
    ]
    alerts = asyncio.run(live(redis_url, topic_prefix, [*background, *told, *copies], "own:gone"))
    signal = next(one for one in alerts if one.kind == "disproportionality")
    items = {one.examples[0]: one for one in alerts if one.kind == "single_report"}
    when = from_ms(START)
    texts = [
        Post(id=name, source=name.partition(":")[0], text=f"words of {name}", created_at=when, ingested_at=when)
        for name in ("own:0", "closed:2")
    ]
    publish(kafka, topic_prefix, alerts, texts)

    found = adrwatch.json("alerts", "duplicates", signal.id, "--text")
    assert (found["reports"], found["counted"]) == (10, 8)
    assert found["counted"] == signal.table.a
    assert found["taken_out"] == {"near_duplicate": 2}
    [group] = found["clusters"]
    assert [(one["post"], one.get("like"), one.get("text")) for one in group["reports"]] == [
        ("own:0", None, "words of own:0"),
        ("own:1", "own:0", None),
        ("closed:2", "own:1", None),
    ]
    # A case has the id that its item gives it.
    of_case = adrwatch.json("alerts", "duplicates", case_id(items["own:1"].id))
    assert of_case["alert"] == items["own:1"].id
    assert "text" not in of_case["clusters"][0]["reports"][0]
    queue = adrwatch.json("alerts", "duplicates")
    [linked] = queue["clusters"]
    assert [one.get("item") for one in linked["reports"]] == [items["own:0"].id, items["own:1"].id, None]
    assert adrwatch("alerts", "duplicates", signal.id) == 0
    assert "10 reports, 8 count; taken out: 2 near duplicate; 1 clusters" in adrwatch.out
    assert "words of" not in adrwatch.out
    assert adrwatch("alerts", "duplicates", "nothing") == 2
    assert "there is no alert nothing" in adrwatch.err
    assert "own:gone" not in adrwatch.out + msgspec.json.encode([found, queue]).decode()

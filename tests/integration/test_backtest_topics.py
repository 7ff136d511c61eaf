"""`adrwatch backtest --topic` on a real Kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kafka import KafkaProducer

from shared.events import Deletion, Event, Post, encode
from shared.signals.windows import from_ms, to_ms
from shared.topics import DELETIONS, MENTIONS, OUTCOMES, POSTS, Topic, partition_of
from tests.integration.compare_backtest import EASY, rule_file
from tests.integration.ingest_command import Adrwatch, adrwatch
from tests.unit.alerting.world import HOUR, START, mention, outcome, several_days

__all__ = ["adrwatch"]
Send = Callable[[Topic, str, Event | None], None]
DAY = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def send(kafka: str, adrwatch: Adrwatch) -> Iterator[Send]:
    """Writes an event, or a tombstone, and returns when the broker has it."""
    with closing(KafkaProducer(bootstrap_servers=kafka)) as producer:

        def write(topic: Topic, key: str, event: Event | None) -> None:
            value = None if event is None else encode(event)
            where = partition_of(key, topic.partitions)
            producer.send(topic.name(adrwatch.prefix), key=key.encode(), value=value, partition=where).get(30)

        yield write


def test_posts_of_a_time_are_decided_in_their_last_form_but_for_deleted_ones(adrwatch: Adrwatch, send: Send) -> None:
    def post(number: int, text: str, hours: int) -> None:
        at = DAY + timedelta(hours=hours)
        name = f"forum:{number}"
        send(POSTS, name, Post(id=name, source="forum", text=text, created_at=at, ingested_at=at))

    told = "zoloft gave me such bad insomnia, three nights without sleep"
    post(1, told, 1)
    post(2, told, 5)
    post(3, "a walk in the sun", 6)
    post(3, "metformin gave me a huge itchy rash", 6)
    post(4, told, 7)
    post(5, told, 9)
    send(POSTS, "forum:4", None)
    bounds = ("--from", "2026-03-01T02:00Z", "--to", "2026-03-01T09:00Z")
    found = adrwatch.json("backtest", "--topic", "posts", *bounds)
    assert (found["account"]["posts"], found["account"]["reported"], found["rejected"]) == (2, 2, {})
    assert (found["first"], found["last"]) == ("2026-03-01T05:00:00Z", "2026-03-01T06:00:00Z")
    send(POSTS, "forum:6", Deletion(id="no post", deleted_at=DAY))
    found = adrwatch.json("backtest", "--topic", "posts")
    assert (found["account"]["distinct"], found["account"]["reported"], found["account"]["dead_letters"]) == (5, 4, 1)


def test_outcomes_of_topics_are_evaluated_without_what_was_deleted_and_as_their_files_are(
    adrwatch: Adrwatch, send: Send, tmp_path: Path
) -> None:
    outcomes = several_days(days=2, posts=150)
    for one in outcomes:
        send(OUTCOMES, one.post_id, one)
    for name in ("kept", "gone"):
        send(OUTCOMES, name, outcome(name, 5 * HOUR, ("d1", "r1")))
        send(MENTIONS, "d1", mention(name, 5 * HOUR, serious=("death",)))
    send(DELETIONS, "gone", Deletion(id="gone", deleted_at=from_ms(START)))
    # An edit takes what was there before it; what is deleted for good does not come back.
    send(OUTCOMES, "edited", outcome("edited", 5 * HOUR, ("d1", "r1")))
    send(MENTIONS, "d1", mention("edited", 5 * HOUR, serious=("death",)))
    send(DELETIONS, "edited", Deletion(id="edited", deleted_at=from_ms(START), edited=True))
    send(OUTCOMES, "gone", outcome("gone", 5 * HOUR, ("d1", "r1")))
    rules = ("--rules", str(rule_file(tmp_path, easy=EASY)))
    found = adrwatch.json("backtest", "--topic", "outcomes", *rules, "--out", str(tmp_path / "out"))
    assert found["account"]["posts"] == 151
    assert [one["examples"] for one in found["alerts"] if one["kind"] == "single_report"] == [["kept"]]
    assert found["account"]["alerts"] > 3
    assert adrwatch.json("backtest", str(tmp_path / "out"), *rules)["alerts"] == found["alerts"]
    middle = from_ms(to_ms(outcomes[75].created_at))
    later = adrwatch.json("backtest", "--topic", "outcomes", *rules, "--from", middle.isoformat())["alerts"]
    assert later == [one for one in found["alerts"] if datetime.fromisoformat(one["evaluated_at"]) >= middle] != []

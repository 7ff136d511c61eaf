"""The pipeline on real Kafka and Triton among foreign messages. What kills do to it, the suite of faults tells."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from deploy.local.workers import service_workers
from shared.events import DeadLetter, Outcome, Post, decode, encode
from shared.settings import load
from tests import topics
from tests.faults import ledger

SENTENCES = (
    "day {n} on metformin and i cannot stop throwing up, this is awful",
    "no dizziness at all on lexapro so far, week {n}",
    "the bus was {n} minutes late again",
)


def posts(count: int) -> list[Post]:
    began = datetime(2026, 6, 1, tzinfo=UTC)
    return [
        Post(
            id=f"test:{n}",
            source="test",
            text=SENTENCES[n % len(SENTENCES)].format(n=n),
            created_at=began + timedelta(minutes=n),
            ingested_at=began + timedelta(minutes=n),
            author=f"{n:032x}",
        )
        for n in range(count)
    ]


class Live:
    """A running pipeline under a topic prefix of its own."""

    def __init__(self, stack: Stack, prefix: str) -> None:
        self.stack, self.prefix = stack, prefix
        self.kafka = stack.addresses["kafka_bootstrap"]

    def produce(self, values: list[bytes]) -> None:
        ledger.produce(self.kafka, f"{self.prefix}.posts", values, 4)

    def outcomes(self) -> dict[str, str]:
        decoded = [decode(value, Outcome) for value in self._values("outcomes")]
        return {outcome.post_id: outcome.status for outcome in decoded}

    def dead(self) -> list[DeadLetter]:
        letters = [decode(value, DeadLetter) for value in self._values("dead-letters")]
        return list({letter.id: letter for letter in letters}.values())

    def _values(self, suffix: str) -> list[bytes | None]:
        return [record.value for record in topics.records(self.kafka, f"{self.prefix}.{suffix}")]


@pytest.fixture
def live(kafka: str, redis_url: str, triton: str, topic_prefix: str, tmp_path: Path) -> Iterator[Live]:
    settings = load(
        topic_prefix=topic_prefix, data_dir=tmp_path, batch_size=16, kafka_bootstrap=kafka, redis_url=redis_url,
        triton_url=triton,
    )  # fmt: skip
    with Stack(settings, workers=service_workers(pipeline=1), topics=True) as stack:
        yield Live(stack, topic_prefix)


def test_foreign_messages_go_to_the_dead_letters_and_the_posts_around_them_go_on(live: Live) -> None:
    wanted = posts(20)
    foreign = [b"", b"\xff\xfe\x00 not text", b'{"id": "test:900"}', b'["a", "list"]', b'{"schema_version": 99}' * 2]
    values = [encode(post) for post in wanted]
    for place, value in enumerate(foreign):
        values.insert(place * 4, value)
    live.produce(values)
    ledger.wait_for(lambda: len(live.outcomes()) == len(wanted), "the outcomes of all posts")
    ledger.wait_for(lambda: len(live.dead()) == len(foreign), "the dead letters")
    assert sorted(letter.payload for letter in live.dead()) == sorted(foreign)
    assert {letter.reason for letter in live.dead()} == {"not-json", "schema"}
    assert {letter.stage for letter in live.dead()} == {"pipeline"}

"""The pipeline on real Kafka and Triton: kills, foreign messages, and the same decisions live as in process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.local.stack import Stack
from deploy.local.workers import service_workers
from services.pipeline.process import Tools, process
from shared.events import DeadLetter, Mention, Outcome, Post, decode, encode
from shared.models.session import OnnxModel
from shared.settings import Settings, load
from tests import topics
from tests.faults import ledger

SENTENCES = (
    "day {n} on metformin and i cannot stop throwing up, this is awful",
    "zoloft gave me such bad insomnia, {n} nights without sleep",
    "no dizziness at all on lexapro so far, week {n}",
    "taking ibuprofen for my headache again, number {n} this month",
    "anyone know if lipitor causes hair loss? asking for {n} friends",
    "the bus was {n} minutes late again",
    "cheap xanax no prescription needed, order online, {n} pills free shipping",
    "started prednisone {n} days ago and my face is so swollen and i am hungry all the time",
    "llevo {n} días tomando ibuprofeno y me duele mucho el estómago todo el tiempo",
    "humira injection {n} done, huge itchy rash where i injected it",
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


def reference(settings: Settings, wanted: list[Post]) -> tuple[dict[str, str], set[str]]:
    """Outcomes by post and ids of mentions, from the same steps run in this process, one post at a time."""
    tools = Tools.load(settings)
    models = {name: OnnxModel.of_folder(settings.model_repository / name) for name in ("adr_classifier", "adr_ner")}

    async def infer(name: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        return models[name].infer(inputs)

    outcomes, mentions = {}, set()
    for post in wanted:
        (reported,), failures = asyncio.run(process([post], tools, infer))
        assert not failures
        outcomes[post.id] = reported.outcome.status
        mentions |= {mention.id for mention in reported.mentions}
    return outcomes, mentions


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

    def mentions(self) -> set[str]:
        return {decode(value, Mention).id for value in self._values("mentions")}

    def dead(self) -> list[DeadLetter]:
        letters = [decode(value, DeadLetter) for value in self._values("dead-letters")]
        return list({letter.id: letter for letter in letters}.values())

    def _values(self, suffix: str) -> list[bytes | None]:
        return [record.value for record in topics.records(self.kafka, f"{self.prefix}.{suffix}")]


@contextmanager
def pipeline(topic_prefix: str, folder: Path, **addresses: str) -> Iterator[Live]:
    """A pipeline on these servers; one without an address is started for it alone."""
    settings = load(topic_prefix=topic_prefix, data_dir=folder, batch_size=16, **addresses)
    with Stack(settings, workers=service_workers(pipeline=1), topics=True) as stack:
        yield Live(stack, topic_prefix)


@pytest.fixture
def live(kafka: str, redis_url: str, triton: str, topic_prefix: str, tmp_path: Path) -> Iterator[Live]:
    with pipeline(topic_prefix, tmp_path, kafka_bootstrap=kafka, redis_url=redis_url, triton_url=triton) as running:
        yield running


def test_kills_of_the_worker_and_of_triton_change_nothing_in_the_results(
    kafka: str, redis_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    wanted = posts(400)
    with ThreadPoolExecutor(1) as beside:
        # While Triton starts.
        expected = beside.submit(reference, load(), wanted)
        with pipeline(topic_prefix, tmp_path, kafka_bootstrap=kafka, redis_url=redis_url) as live:
            outcomes, mentions = expected.result()
            assert {status.split(":")[0] for status in outcomes.values()} == {"screened", "negative", "mentions"}
            live.produce([encode(post) for post in wanted])
            ledger.wait_for(lambda: len(live.outcomes()) > 40, "the first outcomes")
            live.stack.kill("pipeline-1")
            ledger.wait_for(lambda: len(live.outcomes()) > 120, "outcomes after the worker came back")
            live.stack.kill("triton")
            ledger.wait_for(lambda: len(live.outcomes()) == len(wanted), "the outcomes of all posts")
            assert live.outcomes() == outcomes
            assert live.mentions() == mentions
            assert live.dead() == []


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

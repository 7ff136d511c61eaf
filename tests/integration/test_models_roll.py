"""Versions of the models go and come on real servers while posts flow: nothing is lost, each post has one version."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kafka import KafkaProducer

from deploy.local.stack import Stack
from deploy.local.workers import service_workers
from services.models import roll
from services.models.roll import Refused
from services.models.server import reachable
from services.models.versions import all_versions
from services.pipeline.inference import Triton
from shared.errors import DependencyAway
from shared.events import Event, Mention, Outcome, Post, decode, encode
from shared.models import classifier, extractor
from shared.models.configuration import FEATURES, MODELS
from shared.models.release import CANARY_POSTS
from shared.models.repository import Active, read_active
from shared.models.session import OnnxModel
from shared.settings import PACKAGE_ROOT, load
from shared.text.parse import default_parser
from shared.triton_security import TritonAddress
from tests import topics
from tests.faults import ledger
from tests.versions import SHIPPED, add_version, break_graph, new_repository, turn_answers

SENTENCES = (
    "day 3 on metformin and i cannot stop throwing up, this is awful",
    "zoloft gave me such bad insomnia, four nights without sleep",
    "the bus was ten minutes late again",
    "started prednisone last week and my face is so swollen",
    "picked up my lipitor, the bus was on time",
    "second humira injection done, huge itchy rash where i injected it",
)
NEW, BROKEN, CONTRARY = 2, 3, 4
OLD_NAME = next(one.name for one in all_versions(SHIPPED) if one.number == read_active(SHIPPED).version)
NEW_NAME = "2027.1.0+2027.1.0"
STATEMENTS = {"outcomes": Outcome, "mentions": Mention}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped version and three more, of which only the first is one to go over to."""
    folder = new_repository(tmp_path_factory.mktemp("versions") / "models")
    for number, name in ((NEW, "2027.1.0"), (BROKEN, "2027.2.0"), (CONTRARY, "2027.3.0")):
        add_version(folder, number, name)
    break_graph(folder / extractor.NAME / str(BROKEN))
    turn_answers(folder / classifier.NAME / str(CONTRARY))
    return folder


@dataclass
class Live:
    """A pipeline with a Triton of its own, and posts that keep coming in while something is done to it."""

    stack: Stack
    prefix: str
    repository: Path
    sent: int = 0
    _stopped: threading.Event = field(default_factory=threading.Event)
    _sending: threading.Thread = field(init=False)

    @property
    def kafka(self) -> str:
        return self.stack.addresses["kafka_bootstrap"]

    @property
    def triton(self) -> str:
        return self.stack.addresses["triton_url"]

    def start_posts(self) -> None:
        def keep_sending() -> None:
            with closing(KafkaProducer(bootstrap_servers=self.kafka, acks="all")) as producer:
                while not self._stopped.wait(0.1):
                    self.send(producer, 12)

        self._sending = threading.Thread(target=keep_sending)
        self._sending.start()

    def send(self, producer: KafkaProducer, count: int) -> None:
        began = datetime(2026, 6, 1, tzinfo=UTC)
        moments = [(n, began + timedelta(seconds=n)) for n in range(self.sent, self.sent + count)]
        posts = [
            Post(id=f"test:{n}", source="test", text=SENTENCES[n % len(SENTENCES)],
                 created_at=moment, ingested_at=moment, author=f"{n:032x}")
            for n, moment in moments
        ]  # fmt: skip
        for n, post in enumerate(posts):
            producer.send(f"{self.prefix}.posts", encode(post), key=post.id.encode(), partition=n % 4)
        producer.flush()
        self.sent += count

    def stop_posts(self) -> None:
        """Only when the last ones are sent does `sent` say how many there are."""
        self._stopped.set()
        self._sending.join()

    def of(self, kind: str, last: int | None = None) -> list[tuple[int, Any]]:
        """Outcomes or mentions in the order of their topic, all or the last of each partition, each with its partition."""
        read: type[Event] = STATEMENTS[kind]
        records = topics.records(self.kafka, f"{self.prefix}.{kind}", last)
        return [(record.partition, decode(record.value, read)) for record in records]

    def outcomes(self) -> int:
        return topics.written(self.kafka, f"{self.prefix}.outcomes")

    def await_outcomes(self, count: int) -> None:
        ledger.wait_for(lambda: self.outcomes() >= count, f"{count} outcomes")

    def await_version(self, name: str) -> None:
        def some() -> bool:
            return all(any(one.model_version == name for _, one in self.of(kind, last=20)) for kind in STATEMENTS)

        ledger.wait_for(some, f"outcomes and mentions of {name}")

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`adrwatch models`, as an operator runs it."""
        given = ("--repository", str(self.repository), "--server", self.triton)
        return subprocess.run(
            [sys.executable, "-m", "services.cli", "models", *words, *given],
            cwd=PACKAGE_ROOT, capture_output=True, text=True, timeout=120,
        )  # fmt: skip


def sequences(found: list[tuple[int, Any]]) -> list[list[str]]:
    """Of each partition: which versions decided, one after another."""
    by_partition: dict[int, list[str]] = {}
    for partition, one in found:
        by_partition.setdefault(partition, []).append(one.model_version)
    return [[name for name, _ in itertools.groupby(names)] for names in by_partition.values()]


@pytest.fixture
def live(kafka: str, redis_url: str, topic_prefix: str, tmp_path: Path, repository: Path) -> Iterator[Live]:
    settings = load(
        kafka_bootstrap=kafka, redis_url=redis_url, triton_url=None, topic_prefix=topic_prefix, data_dir=tmp_path,
        model_repository=repository, batch_size=16,
    )  # fmt: skip
    with Stack(
        settings, servers=["kafka", "redis", "triton"], workers=service_workers(pipeline=1), topics=True
    ) as stack:
        live = Live(stack, topic_prefix, repository)
        live.start_posts()
        try:
            yield live
        finally:
            live.stop_posts()


def test_versions_go_and_come_while_posts_flow_and_every_post_is_decided_once_by_one_version(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = live.stack.pids()
    live.await_version(OLD_NAME)

    for number, why in ((BROKEN, "no graph that onnxruntime runs"), (CONTRARY, "recorded")):
        refused = live.command("activate", str(number))
        assert refused.returncode == 2, refused.stdout + refused.stderr
        assert f"version {number} is not activated" in refused.stderr
        assert why in refused.stderr

    activated = live.command("activate", NEW_NAME)
    assert activated.returncode == 0, activated.stdout + activated.stderr
    live.await_version(NEW_NAME)
    listed = json.loads(live.command("list", "--json").stdout)
    assert [(one["number"], one["ready_in"]) for one in listed["versions"] if one["ready_in"]] == [(NEW, [live.triton])]
    assert [one["number"] for one in listed["versions"] if one["active"]] == [NEW]

    # What this process does not see, the server still does.
    monkeypatch.setattr(roll, "verify", lambda *_: iter(()))
    with pytest.raises(DependencyAway, match="load failed"):
        roll.activate(live.repository, BROKEN, [TritonAddress(live.triton)], 0, print)
    with pytest.raises(Refused, match="answers otherwise than was recorded"):
        roll.activate(live.repository, CONTRARY, [TritonAddress(live.triton)], 0, print)
    assert read_active(live.repository) == Active(NEW, (1,))
    ledger.wait_for(
        lambda: reachable(TritonAddress(live.triton)) == {model: {NEW} for model in MODELS},
        "the refused versions to be let go of",
    )
    live.await_outcomes(live.outcomes() + 100)

    # No time to let go: the version goes away under the worker.
    back = live.command("rollback", "--drain", "0")
    assert back.returncode == 0, back.stdout + back.stderr
    live.await_version(OLD_NAME)
    assert read_active(live.repository) == Active(1)

    live.stop_posts()
    live.await_outcomes(live.sent)
    outcomes, mentions = live.of("outcomes"), live.of("mentions")
    assert Counter(one.post_id for _, one in outcomes) == Counter(f"test:{n}" for n in range(live.sent))
    assert {one.status.split(":")[0] for _, one in outcomes} == {"screened", "negative", "mentions"}
    assert topics.records(live.kafka, f"{live.prefix}.dead-letters") == []
    for found in (outcomes, mentions):
        assert all(names == [OLD_NAME, NEW_NAME, OLD_NAME] for names in sequences(found)), sequences(found)
    # The graphs are the same, so a kind of post has one outcome whoever decided it.
    decided = {(int(one.post_id.split(":")[1]) % len(SENTENCES), one.status) for _, one in outcomes}
    assert len(decided) == len(SENTENCES)
    assert live.stack.pids() == before, "nothing was restarted"


async def test_triton_gives_the_numbers_of_onnxruntime_in_this_process(triton: str) -> None:
    settings = load()
    number = read_active(settings.model_repository).version
    posts = [*CANARY_POSTS, *SENTENCES]
    parses = default_parser().parse(posts)
    connection = Triton(TritonAddress(triton), number, {})
    for name in MODELS:
        features = FEATURES[name].load(settings.model_repository / name)
        graph = OnnxModel.of_folder(settings.model_repository / name)
        encoded = features.encode(posts, parses)
        served = await asyncio.gather(*(connection.infer(name, batch) for batch in encoded.batches))
        here = [graph.infer(batch) for batch in encoded.batches]
        for ours, theirs in zip(here, served, strict=True):
            assert ours.keys() == theirs.keys()
            for output in ours:
                np.testing.assert_allclose(theirs[output], ours[output], atol=1e-3)
        if isinstance(features, classifier.ClassifierFeatures):
            decisions = [features.probabilities(encoded, outputs) >= features.threshold for outputs in (here, served)]
            assert decisions[0].tolist() == decisions[1].tolist()
        else:
            spans = [features.decode(encoded, outputs, posts) for outputs in (here, served)]
            assert [[(s.start, s.end, s.type) for s in post] for post in spans[0]] == [
                [(s.start, s.end, s.type) for s in post] for post in spans[1]
            ]
    await connection.close()

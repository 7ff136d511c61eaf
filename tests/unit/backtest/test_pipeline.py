"""The pipeline in this process, with the shipped models."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.backtest.pipeline import LocalPipeline
from services.pipeline.process import Tools
from shared.errors import AdrwatchError
from shared.events import Outcome, Post, decode
from shared.models.session import ModelPool
from shared.settings import Settings, load
from shared.stream import Output
from shared.topics import DEAD_LETTERS, OUTCOMES
from shared.vocabulary.drugs import DrugLexicon

TEXTS = (
    "day {n} on metformin and i cannot stop throwing up, this is awful",
    "zoloft gave me such bad insomnia, {n} nights without sleep",
    "no dizziness at all on lexapro so far, week {n}",
    "the bus was {n} minutes late again",
)
MODELS = ("adr_classifier", "adr_ner")


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load()


@pytest.fixture(scope="module")
def tools(settings: Settings) -> Tools:
    return Tools.load(settings)


@pytest.fixture(scope="module")
def models(settings: Settings) -> Iterator[ModelPool]:
    with ModelPool(settings.model_repository, dict.fromkeys(MODELS, 1), 2) as pool:
        yield pool


def posts(count: int) -> list[Post]:
    began = datetime(2026, 6, 1, tzinfo=UTC)
    return [
        Post(id=f"test:{n}", source="test", text=TEXTS[n % len(TEXTS)].format(n=n),
             created_at=began + timedelta(minutes=n), ingested_at=began)
        for n in range(count)
    ]  # fmt: skip


def batches(wanted: list[Post], size: int) -> list[list[Post]]:
    return [wanted[start : start + size] for start in range(0, len(wanted), size)]


def outcomes(outputs: list[Output]) -> list[Outcome]:
    return [decode(output.value, Outcome) for output in outputs if output.topic is OUTCOMES]


@pytest.mark.parametrize("ahead", [0, 3])
def test_messages_are_the_same_whatever_the_batches_and_how_many_are_in_work(
    tools: Tools, models: ModelPool, settings: Settings, ahead: int
) -> None:
    wanted = posts(20)
    found = {}
    for size in (1, 7, 64):
        pipeline = LocalPipeline(tools, models.infer, settings, ahead)
        found[size] = [output for outputs in pipeline.run(batches(wanted, size)) for output in outputs]
    assert found[1] == found[7] == found[64]
    assert {one.status.split(":")[0] for one in outcomes(found[1])} == {"screened", "negative", "mentions"}


def test_batches_come_back_in_their_order_though_later_ones_are_done_before(tools: Tools, settings: Settings) -> None:
    class SlowFirst:
        """Answers nothing for the first batch before a later one was asked about."""

        def __init__(self, pool: ModelPool) -> None:
            self.pool = pool
            self.asked = 0
            self.later = threading.Event()

        async def infer(self, name: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
            self.asked += 1
            if self.asked == 1:
                await asyncio.to_thread(self.later.wait, 60)
            else:
                self.later.set()
            return await self.pool.infer(name, inputs)

    wanted = [post for post in posts(12) if post.text.startswith("zoloft")]
    with ModelPool(settings.model_repository, dict.fromkeys(MODELS, 1), 2) as pool:
        slow = SlowFirst(pool)
        pipeline = LocalPipeline(tools, slow.infer, settings, ahead=2)
        order = [one.post_id for outputs in pipeline.run(batches(wanted, 1)) for one in outcomes(outputs)]
    assert slow.later.is_set()
    assert order == [post.id for post in wanted]


def test_a_post_that_the_models_cannot_treat_is_dead_and_its_neighbours_live(
    tools: Tools, models: ModelPool, settings: Settings
) -> None:
    class Breaking(DrugLexicon):
        def __init__(self) -> None:
            super().__init__([], "test")

        def find(self, text: str) -> Any:
            if "lexapro" in text:
                raise RuntimeError(text)
            return tools.lexicon.find(text)

    broken = LocalPipeline(replace(tools, lexicon=Breaking()), models.infer, settings, ahead=1)
    [outputs] = broken.run([posts(4)])
    statuses = {one.post_id: one.status for one in outcomes(outputs)}
    assert statuses["test:2"] == "dead:screen-failed"
    assert sorted(status.split(":")[0] for status in statuses.values()) == ["dead", "mentions", "mentions", "screened"]
    assert len([output for output in outputs if output.topic is DEAD_LETTERS]) == 1


def test_a_step_that_raises_for_a_whole_batch_leaves_dead_only_the_post_that_is_to_blame(
    tools: Tools, models: ModelPool, settings: Settings
) -> None:
    class Poisoned:
        version = tools.parser.version

        def parse(self, texts: list[str]) -> Any:
            if any("insomnia" in text for text in texts):
                raise RuntimeError("cannot parse")
            return tools.parser.parse(texts)

    pipeline = LocalPipeline(replace(tools, parser=Poisoned()), models.infer, settings, ahead=1)  # type: ignore[arg-type]
    [outputs] = pipeline.run([posts(8)])
    statuses = {one.post_id: one.status for one in outcomes(outputs)}
    assert {name for name, status in statuses.items() if status == "dead:error:RuntimeError"} == {"test:1", "test:5"}
    assert len(statuses) == 8


def test_an_error_while_reading_leaves_nothing_running(tools: Tools, models: ModelPool, settings: Settings) -> None:
    def breaking() -> Iterator[list[Post]]:
        yield posts(2)
        raise AdrwatchError("no more")

    with pytest.raises(AdrwatchError, match="no more"):
        list(LocalPipeline(tools, models.infer, settings, ahead=4).run(breaking()))
    assert [len(outcomes(outputs)) for outputs in LocalPipeline(tools, models.infer, settings, 1).run([posts(3)])] == [
        3
    ]

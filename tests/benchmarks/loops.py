"""Processes that take records from adr.posts to adr.outcomes, and say how many a second: `python -m tests.benchmarks.loops KIND N`.

Each prints one JSON object and ends. N records lie in the topic beforehand, those of the warm-up among them; the settings come from
the environment. Kinds:

- `faust`: the worker that every service is, with a handler that writes an outcome for each record and does nothing else;
- `bare`: a loop over aiokafka that does the same, commits included, and keeps none of the worker's promises;
- `ready`: the pipeline's worker with all its steps, whose parses and readings were made beforehand (`TEXTS`, JSON lines).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from services.pipeline.process import Tools
from services.pipeline.worker import attach
from shared import logs
from shared.models import classifier, extractor
from shared.models.classifier import ClassifierFeatures
from shared.models.extractor import ExtractorFeatures
from shared.models.features import FeatureBuilder, Reading
from shared.models.metadata import load_metadata
from shared.settings import Settings, load
from shared.stream import BatchResult, Output, Record
from shared.stream.worker import Worker
from shared.text.parse import Parse
from shared.topics import OUTCOMES, POSTS
from tests.benchmarks.memory import peak

# Records that go before, unmeasured: connections, caches, a first commit.
WARM_UP = 2_000
# About as long as an outcome.
_BODY = json.dumps({"status": "negative", "fills": "x" * 350}).encode()
_COMMIT_EVERY = 0.5
_NOTHING = Parse(())


class Meter:
    """The time from the acknowledgement of the last record of the warm-up to that of the last of all."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._done = self._before = 0
        self._began = 0.0
        self._warm = False

    def add(self, acknowledged: int) -> bool:
        """Note so many outcomes. True when it was the last of all."""
        self._done += acknowledged
        # Of few records the last may come together with those that end the warm-up: then it was the first alone.
        if not self._began or (not self._warm and self._done < self._count):
            self._before, self._began = self._done, time.perf_counter()
        self._warm = self._warm or self._done >= min(WARM_UP, self._count // 2)
        return self._done >= self._count

    def tell(self) -> NoReturn:
        """Print the rate and end the process at once: what is left to stop is nobody's measure."""
        rate = (self._done - self._before) / (time.perf_counter() - self._began)
        # Faust leaves a control sequence in the line.
        print("\n" + json.dumps({"rate": rate, "memory": peak(os.getpid())}), flush=True)
        os._exit(0)


class MeteredWorker(Worker):
    """A worker that ends when so many outcomes are acknowledged."""

    def __init__(self, service: str, settings: Settings, count: int) -> None:
        super().__init__(service, settings)
        self._meter = Meter(count)

    async def send(self, outputs: Sequence[Output]) -> None:
        await super().send(outputs)
        if self._meter.add(sum(output.topic is OUTCOMES for output in outputs)):
            self._meter.tell()


def faust(settings: Settings, count: int) -> None:
    """The product's loop around nothing."""

    async def handle(records: list[Record]) -> BatchResult:
        return BatchResult([Output(OUTCOMES, (one.key or b"").decode(), _BODY, one.partition) for one in records])

    worker = MeteredWorker("loop", settings, count)
    worker.batch_agent(POSTS, handle, stage="loop")
    worker.run()


async def bare(settings: Settings, count: int) -> None:
    """Read, write, wait for the acknowledgements, commit now and then."""
    bootstrap, size = settings.require("kafka_bootstrap"), settings.batch_size
    outcomes = OUTCOMES.name(settings.topic_prefix)
    consumer: Any = AIOKafkaConsumer(
        POSTS.name(settings.topic_prefix),
        bootstrap_servers=bootstrap,
        group_id=f"{settings.topic_prefix}.bare",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    producer: Any = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5, compression_type="gzip")
    await consumer.start()
    await producer.start()
    meter, committed = Meter(count), time.monotonic()
    while True:
        polled = await consumer.getmany(timeout_ms=200, max_records=size)
        records = [record for some in polled.values() for record in some]
        waiting = [await producer.send(outcomes, _BODY, one.key, one.partition) for one in records]
        await asyncio.gather(*waiting)
        if meter.add(len(records)):
            meter.tell()
        if time.monotonic() - committed > _COMMIT_EVERY:
            await consumer.commit()
            committed = time.monotonic()


class ReadyBuilder(FeatureBuilder):
    """Knows the readings of some posts by heart."""

    def __init__(self, folder: Path, name: str, texts: Sequence[str], parses: Sequence[Parse]) -> None:
        metadata, tokenizer = load_metadata(folder, name)
        super().__init__(tokenizer, metadata.spec)
        self._ready = {
            text: super(ReadyBuilder, self).read(text, parse) for text, parse in zip(texts, parses, strict=True)
        }

    def read(self, post: str, parse: Parse) -> Reading:
        return self._ready[post]


class NoParser:
    """Parses nothing: nobody reads the parse of a post whose reading is known."""

    def __init__(self, version: str) -> None:
        self.version = version

    def parse(self, posts: Sequence[str]) -> list[Parse]:
        return [_NOTHING] * len(posts)


def ready(settings: Settings, count: int, texts: Sequence[str]) -> None:
    """The whole pipeline but for the features."""
    tools = Tools.load(settings)
    known = ["", *texts]
    parses = tools.parser.parse(known)
    folder, number = settings.model_repository, str(tools.number)
    readers = [ReadyBuilder(folder / name / number, name, known, parses) for name in (classifier.NAME, extractor.NAME)]
    made = replace(
        tools,
        parser=NoParser(tools.parser.version),
        classifier=ClassifierFeatures(tools.classifier.metadata, readers[0], tools.classifier.policy),
        extractor=ExtractorFeatures(tools.extractor.metadata, readers[1]),
    )
    worker = MeteredWorker("pipeline", settings, count)
    attach(worker, made)
    worker.run()


def main() -> None:
    """Be one of the processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("faust", "bare", "ready"))
    parser.add_argument("count", type=int)
    parser.add_argument("texts", type=Path, nargs="?")
    chosen = parser.parse_args()
    settings = load()
    logs.configure("benchmark", settings.log_level)
    if chosen.kind == "faust":
        faust(settings, chosen.count)
    elif chosen.kind == "bare":
        asyncio.run(bare(settings, chosen.count))
    else:
        ready(settings, chosen.count, [json.loads(line) for line in chosen.texts.read_bytes().splitlines()])


if __name__ == "__main__":
    main()

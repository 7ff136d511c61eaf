"""`make bench-traces`: processor time of the pipeline's batch loop with traces at a ratio, held against none in the same round.

The steps and models are the product's, in this process; records are made by ingest's own function, which samples them.
A collector on this machine takes the spans.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from services.ingest.columns import Columns
from services.ingest.publish import post_message
from services.pipeline.process import Tools
from services.pipeline.worker import PostHandler
from shared import logs, traces
from shared.events import Post
from shared.models.session import ModelPool
from shared.settings import PACKAGE_ROOT, Settings, load
from shared.stream import Output, Record
from shared.stream.batches import BatchRunner
from tests.benchmarks.machine import machine, revision
from tests.benchmarks.posts import read
from tests.otlp import collector

POSTS = PACKAGE_ROOT / "deploy" / "demo" / "posts.jsonl"


async def _send(_: Sequence[Output]) -> None:
    """A broker costs the same with traces and without."""


async def _round(posts: Sequence[Post], runner: BatchRunner, size: int) -> float:
    started = time.process_time()
    messages = [post_message(post, "adr") for post in posts]
    records = [
        Record(one.topic, one.partition, n, one.key, one.value, tuple(one.headers)) for n, one in enumerate(messages)
    ]
    for start in range(0, len(records), size):
        await runner.run(records[start : start + size])
    return time.process_time() - started


async def _measure(settings: Settings, ratio: float, rounds: int, times: int) -> list[tuple[float, float]]:
    tools = Tools.load(settings)
    posts = read(settings, str(POSTS), Columns(), None) * times
    cores = len(os.sched_getaffinity(0))
    with (
        ModelPool(settings.model_repository, tools.numbers, cores) as models,
        collector() as found,
    ):
        handler = PostHandler(tools, models.infer)
        runner = BatchRunner("pipeline", handler.handle, _send, retry_first=0.1, retry_most=0.1)
        on = settings.model_copy(update={"traces_endpoint": found.url, "traces_ratio": ratio})
        await _round(posts[:256], runner, settings.batch_size)
        pairs = []
        for number in range(rounds):
            seconds = {}
            # Whoever comes first in one round comes second in the next.
            for traced in (False, True) if number % 2 else (True, False):
                if traced:
                    traces.configure("pipeline", on)
                seconds[traced] = await _round(posts, runner, settings.batch_size)
                traces.stop()
            pairs.append((seconds[False], seconds[True]))
        print(f"{len(found.spans()):,} spans came to the collector; {len(posts):,} posts a round")
    return pairs


def main(
    ratio: Annotated[float, typer.Option(min=0, max=1)] = 0.01,
    rounds: Annotated[int, typer.Option(min=1)] = 6,
    times: Annotated[int, typer.Option(min=1, help="How often the posts of the demo come in a round.")] = 2,
) -> None:
    """Measure and print."""
    settings = load(author_secret="the secret of the benchmark")
    logs.configure("benchmark", "WARNING")
    pairs = asyncio.run(_measure(settings, ratio, rounds, times))
    quotients = sorted(on / off for off, on in pairs)
    here = machine()
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, revision {revision()}, {here.processor}, {here.cores} cores")
    print(
        f"ratio {ratio:g}: median {statistics.median(quotients):.3f} times the processor time without traces", end=" "
    )
    print(f"({quotients[0]:.3f} to {quotients[-1]:.3f}, {rounds} rounds)")


if __name__ == "__main__":
    typer.run(main)

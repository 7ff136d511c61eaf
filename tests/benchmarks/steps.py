"""Part (b): our steps in one process, as `adrwatch backtest` runs them. A process of its own: `python -m tests.benchmarks.steps`.

Reads posts that `posts.write_posts` wrote; the settings come from the environment; prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from services.backtest.pipeline import LocalPipeline
from services.pipeline.process import Tools
from services.pipeline.steps.ask import Arrays
from shared import logs
from shared.events import Outcome, Post, decode
from shared.models import extractor
from shared.models.session import ModelPool
from shared.settings import Settings, load
from shared.stream import Output
from shared.topics import OUTCOMES
from tests.benchmarks.memory import peak
from tests.benchmarks.posts import read_posts


def batches(posts: Sequence[Post], size: int) -> Iterator[Sequence[Post]]:
    """The posts, `size` at a time."""
    return (posts[start : start + size] for start in range(0, len(posts), size))


def measure(settings: Settings, posts: Sequence[Post]) -> dict[str, Any]:
    """Seconds from posts to messages and what came of them. Loading and a first batch go before, unmeasured."""
    tools = Tools.load(settings)
    cores = len(os.sched_getaffinity(0))
    with ModelPool(settings.model_repository, tools.numbers, cores) as models:
        asked: Counter[str] = Counter()

        async def infer(model: str, inputs: Arrays) -> Arrays:
            asked[model] += len(inputs["lengths"])
            return await models.infer(model, inputs)

        pipeline = LocalPipeline(tools, infer, settings, ahead=cores)
        for _ in pipeline.run([posts[: settings.batch_size]]):
            pass
        asked.clear()
        started, spent = time.perf_counter(), time.process_time()
        written = list(pipeline.run(batches(posts, settings.batch_size)))
        spent = time.process_time() - spent
        seconds = time.perf_counter() - started
    found = outcomes(output for batch in written for output in batch)
    kinds = Counter(outcome.status.split(":")[0] for outcome in found)
    # Nearly every post is one row; only one beyond 192 word pieces is more.
    passed = asked[extractor.NAME] if settings.gated else None
    return {
        "seconds": seconds,
        "processor": spent,
        "outcomes": dict(kinds),
        "passed": passed,
        "memory": peak(os.getpid()),
    }


def outcomes(outputs: Iterable[Output]) -> list[Outcome]:
    """The last outcome of each post."""
    decoded = (decode(output.value, Outcome) for output in outputs if output.topic is OUTCOMES)
    return list({outcome.post_id: outcome for outcome in decoded}.values())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("posts", type=Path)
    settings = load()
    logs.configure("benchmark", settings.log_level)
    print(json.dumps(measure(settings, read_posts(parser.parse_args().posts))))


if __name__ == "__main__":
    main()

"""`make bench-windows`: how fast reports come into the windows in Redis, what they need there, that a replay changes nothing."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import numpy as np
import redis
import typer

from deploy.local.stack import SETTINGS, Stack
from services.alerting.count import Counter
from services.alerting.link import RedisLink
from services.alerting.rows import RowStore
from services.alerting.watermark import Idleness
from shared.events import Concept, Outcome, Pair, encode
from shared.redis_keys import Keys
from shared.settings import PACKAGE_ROOT, load
from shared.signals.near import NearLinks
from shared.signals.rules import load_rules
from shared.signals.windows import Block, Vocabulary
from shared.stream import Record
from shared.text.sketch import SKETCH_BYTES
from shared.topics import OUTCOMES, partition_of
from tests.benchmarks.machine import machine, revision

PAGE = PACKAGE_ROOT / "docs" / "benchmarks" / "windows.md"
_SEED, _DAYS, _BATCH = 13, 90, 500
_PAIRS = (0.75, 0.2, 0.05)  # shares of posts with one, two and three pairs


def outcomes(mentions: int) -> Iterator[bytes]:
    """Messages with so many mentions: 2,000 drugs and 1,000 reactions, most of them rare, by 200,000 authors over 90 days."""
    generator = np.random.default_rng(_SEED)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = number = 0
    while made < mentions:
        pairs = min(int(generator.choice(3, p=_PAIRS)) + 1, mentions - made)
        drugs = (generator.zipf(1.3, pairs) - 1) % 2_000
        reactions = (generator.zipf(1.3, pairs) - 1) % 1_000
        named = dict.fromkeys(zip(drugs.tolist(), reactions.tolist(), strict=True))
        at = start + timedelta(seconds=int(number * _DAYS * 86_400 / mentions * 1.3) % (_DAYS * 86_400))
        yield encode(
            Outcome(
                post_id=f"bench:{number}",
                status=f"mentions:{len(named)}",
                created_at=at,
                model_version="bench",
                author=hashlib.blake2b(str(generator.integers(200_000)).encode(), digest_size=16).hexdigest(),
                fingerprint=hashlib.blake2b(str(number).encode(), digest_size=8).hexdigest(),
                sketch=generator.bytes(SKETCH_BYTES),
                pairs=tuple(
                    Pair(Concept(f"DB{drug:05}", f"drug {drug}"), Concept(f"HP:{reaction:07}", f"reaction {reaction}"))
                    for drug, reaction in named
                ),
            )
        )
        made += len(named)
        number += 1


def records(mentions: int) -> list[list[Record]]:
    """Micro-batches as they lie in the topic."""
    found = [
        Record(OUTCOMES.suffix, partition_of(f"bench:{number}", OUTCOMES.partitions), number, None, value)
        for number, value in enumerate(outcomes(mentions))
    ]
    return [found[start : start + _BATCH] for start in range(0, len(found), _BATCH)]


async def _count(url: str, batches: list[list[Record]]) -> float:
    """Seconds to handle all batches, one in flight."""
    rules = load_rules(load().rules_file)
    link = RedisLink(url)
    counter = Counter(RowStore(link, Keys("bench"), rules), Idleness(60.0), lambda: None, 1e9)
    try:
        await counter.handle(batches[0])
        began = time.perf_counter()
        for batch in batches:
            await counter.handle(batch)
        return time.perf_counter() - began
    finally:
        await link.close()


async def _link(url: str) -> tuple[float, float]:
    """Seconds to look for near-duplicates among all rows, and again when an hour has gone and another one come."""
    rules = load_rules(load().rules_file)
    link, vocabulary = RedisLink(url), Vocabulary()
    store = RowStore(link, Keys("bench"), rules)
    try:
        rows = await store.read(await store.versions(0, 1 << 40))
    finally:
        await link.close()
    blocks = [Block.of(rows[bucket], vocabulary) for bucket in sorted(rows)]
    links = NearLinks(rules.near)
    began = time.perf_counter()
    links.back(blocks[:-1])
    first = time.perf_counter() - began
    began = time.perf_counter()
    links.back(blocks[1:])
    return first, time.perf_counter() - began


def fingerprint(client: redis.Redis) -> tuple[str, int, int]:
    """A hash over all rows, their number, and the number of buckets."""
    digest, rows = hashlib.blake2b(digest_size=8), 0
    buckets = sorted(int(name) for name in client.zrange("bench:buckets", 0, -1))
    for bucket in buckets:
        found = client.hgetall(Keys("bench").rows(bucket))
        rows += len(found)
        for post in sorted(found):
            digest.update(post + b"\0" + found[post] + b"\0")
    return digest.hexdigest(), rows, len(buckets)


def bench(
    mentions: Annotated[int, typer.Option(min=1_000, help="Mentions that are counted.")] = 1_000_000,
    out: Annotated[Path, typer.Option(help="The page to write.")] = PAGE,
) -> None:
    """Count mentions into a Redis of its own, twice. This process has one core; Redis has another where there is one.

    Example: python -m tests.benchmarks.windows --mentions 100000
    """
    batches = records(mentions)
    with tempfile.TemporaryDirectory() as folder:
        settings = load(data_dir=Path(folder), kafka_bootstrap=None, redis_url=None, triton_url=None)
        with Stack(settings, servers=["redis"]) as stack:
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
            url = stack.addresses[SETTINGS["redis"]]
            with redis.Redis.from_url(url) as client:
                before = client.info("memory")["used_memory"]
                first = asyncio.run(_count(url, batches))
                memory = client.info("memory")["used_memory"] - before
                once = fingerprint(client)
                second = asyncio.run(_count(url, batches))
                twice = fingerprint(client)
                linked, again = asyncio.run(_link(url))
                version = client.info("server").get("valkey_version") or client.info("server")["redis_version"]
    here = machine()
    posts = sum(map(len, batches))
    lines = [
        "# Windows in Redis",
        "",
        "Made by `make bench-windows`; do not edit. Outcomes as the topic holds them, decoded and counted by the agent of",
        f"alerting in one process on one core, micro-batches of {_BATCH} posts, one in flight, into a Redis on the same machine.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, revision {revision()}, {here.processor}, Redis {version}; "
        f"{mentions:,} mentions in {posts:,} posts over {_DAYS} days (seed {_SEED}).",
        "",
        "|  |  |",
        "| --- | ---: |",
        f"| mentions a second, first time | {mentions / first:,.0f} |",
        f"| mentions a second, replayed | {mentions / second:,.0f} |",
        f"| posts a second, first time | {posts / first:,.0f} |",
        f"| rows, buckets | {once[1]:,}, {once[2]:,} |",
        f"| memory of Redis | {memory / 2**20:,.0f} MiB |",
        f"| bytes a post, a mention | {memory / posts:,.0f}, {memory / mentions:,.0f} |",
        f"| near-duplicates looked for among all rows, then when an hour has passed | {linked:.1f} s, {again * 1000:,.0f} ms |",
        f"| rows after the replay | {'identical' if twice == once else 'DIFFERENT'} ({twice[0]}) |",
    ]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    typer.echo(out.read_text(encoding="utf-8"))
    if twice != once:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(bench)

"""`make bench-ingest`: posts a second from a network into Kafka by one source process on one core, beside a bare producer loop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import psutil
import typer
from kafka import KafkaConsumer, TopicPartition

from deploy.local.stack import Stack
from shared.errors import AdrwatchError
from shared.settings import PACKAGE_ROOT, load
from shared.topics import POSTS
from tests import topics
from tests.benchmarks.ingest_processes import PATIENCE, texts
from tests.benchmarks.machine import machine, revision
from tests.benchmarks.page import mib, ranged, table
from tests.networks.source import SECRET

PAGE = PACKAGE_ROOT / "docs" / "benchmarks" / "ingest.md"
_PROCESSES = "tests.benchmarks.ingest_processes"
# The share of the posts that goes before, unmeasured: Kafka's JVM and the caches are cold.
_COLD = 0.1


class Bench:
    """One run: rounds over the same posts, in topics of their own. `here` is the core of what is measured."""

    def __init__(self, kafka: str, folder: Path, posts: int) -> None:
        cores = sorted(os.sched_getaffinity(0))
        self._kafka, self._folder, self._posts = kafka, folder, posts
        self._here, self._elsewhere = {cores[0]}, set(cores[1:]) or {cores[0]}

    def source(self, prefix: str) -> tuple[float, int, int]:
        """Posts a second of the source, and its resident memory in bytes when a quarter was written and at the end."""
        topics.make_all(self._kafka, prefix)
        with self._jetstream() as url, self._running(prefix, url) as source:
            self._wait(prefix, source, self._posts * _COLD)
            cold, began = self._written(prefix), time.perf_counter()
            self._wait(prefix, source, self._posts / 4)
            early = psutil.Process(source.pid).memory_info().rss
            self._wait(prefix, source, self._posts)
            seconds = time.perf_counter() - began
            late = psutil.Process(source.pid).memory_info().rss
        return (self._posts - cold) / seconds, early, late

    def bare(self, prefix: str, posts: int) -> float:
        """Posts a second of the bare loop."""
        topics.make_all(self._kafka, prefix)
        command = [sys.executable, "-m", _PROCESSES, "bare", str(posts), self._kafka, prefix]
        done = subprocess.run(
            command, preexec_fn=self._pinned(self._here), stdout=subprocess.PIPE, cwd=PACKAGE_ROOT, check=True
        )
        return float(posts / json.loads(done.stdout)["seconds"])

    @contextmanager
    def _jetstream(self) -> Iterator[str]:
        command = [sys.executable, "-m", _PROCESSES, "jetstream", str(self._posts)]
        with subprocess.Popen(
            command, preexec_fn=self._pinned(self._elsewhere), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            cwd=PACKAGE_ROOT, text=True,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            yield process.stdout.readline().strip()
            process.kill()

    @contextmanager
    def _running(self, prefix: str, url: str) -> Iterator[subprocess.Popen[bytes]]:
        file = self._folder / f"{prefix}.toml"
        file.write_text(f'[sources.bluesky]\ntype = "bluesky"\nendpoints = ["{url}"]\nrewind_seconds = 0\n')
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ADRWATCH_")} | {
            "ADRWATCH_KAFKA_BOOTSTRAP": self._kafka,
            "ADRWATCH_TOPIC_PREFIX": prefix,
            "ADRWATCH_DATA_DIR": str(self._folder / prefix),
            "ADRWATCH_SOURCES_FILE": str(file),
            "ADRWATCH_AUTHOR_SECRET": SECRET,
        }
        command = [sys.executable, "-m", "services.cli", "sources", "run", "bluesky"]
        with (self._folder / f"{prefix}.log").open("wb") as log:
            process = subprocess.Popen(
                command, env=environment, preexec_fn=self._pinned(self._here), stdout=log, stderr=log, cwd=PACKAGE_ROOT
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def _written(self, prefix: str) -> int:
        places = [TopicPartition(POSTS.name(prefix), number) for number in range(POSTS.partitions)]
        return sum(self._consumer.end_offsets(places).values())

    def _wait(self, prefix: str, source: subprocess.Popen[bytes], count: float) -> None:
        seen, heard = 0, time.monotonic()
        while (found := self._written(prefix)) < count:
            if found > seen:
                seen, heard = found, time.monotonic()
            if source.poll() is not None or time.monotonic() - heard > PATIENCE:
                log = (self._folder / f"{prefix}.log").read_text()[-2000:]
                raise AdrwatchError(f"the source stands still at {found} posts", fix=log)
            time.sleep(0.05)

    @property
    def _consumer(self) -> KafkaConsumer:
        if not hasattr(self, "_made"):
            self._made = KafkaConsumer(bootstrap_servers=self._kafka.split(","))
        return self._made

    @staticmethod
    def _pinned(cores: set[int]) -> Callable[[], None]:
        return lambda: os.sched_setaffinity(0, cores)


def bench(
    posts: Annotated[int, typer.Option(min=20_000, help="Posts that the network sends in a round.")] = 2_000_000,
    bare_posts: Annotated[int, typer.Option(min=2_000, help="Posts that the bare loop sends in a round.")] = 100_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of both.")] = 1,
    out: Annotated[Path, typer.Option(help="The page to write.")] = PAGE,
) -> None:
    """Measure how many posts a second one source process publishes, on one core, into a Kafka of its own on the others.

    Start it on a machine that does nothing else.

    Example: python -m tests.benchmarks.ingest --posts 200000 --rounds 3
    """
    load_before = machine()
    ours: list[float] = []
    theirs: list[float] = []
    memory: list[tuple[int, int]] = []
    with tempfile.TemporaryDirectory() as name:
        settings = load(data_dir=Path(name), kafka_bootstrap=None, redis_url=None, triton_url=None)
        with Stack(settings, servers=["kafka"]) as stack:
            run = Bench(stack.addresses["kafka_bootstrap"], Path(name), posts)
            for number in range(rounds):
                theirs.append(run.bare(f"bare{number}", bare_posts))
                typer.echo(f"round {number + 1}: bare loop {theirs[-1]:,.0f} posts/s", err=True)
                rate, early, late = run.source(f"ours{number}")
                ours.append(rate)
                memory.append((early, late))
                typer.echo(
                    f"round {number + 1}: source {rate:,.0f} posts/s, {mib(early)} then {mib(late)} MiB", err=True
                )
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    rows: Sequence[tuple[str, str]] = (
        ("published by the source, posts/s", ranged(ours)),
        ("bare loop over a KafkaProducer, posts/s", ranged(theirs)),
        ("source beside bare loop", ranged(ratios)),
        ("memory of the source after a quarter, MiB", mib(memory[-1][0])),
        ("memory of the source at the end, MiB", mib(memory[-1][1])),
    )
    how = Path(__file__).with_name("ingest.md").read_text(encoding="utf-8")
    out.write_text(
        how.format(
            date=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", revision=revision(), processor=load_before.processor,
            cores=load_before.cores, load=f"{load_before.load:.2f}", posts=f"{posts:,}", bare=f"{bare_posts:,}",
            rounds=rounds, distinct=len(texts()), table=table(("", "this run"), rows),
            versions=", ".join(f"{one} {version(one)}" for one in ("kafka-python", "crc32c", "websockets", "msgspec")),
        ),
        encoding="utf-8",
    )  # fmt: skip
    typer.echo(out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    typer.run(bench)

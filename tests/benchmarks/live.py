"""Part (c): the whole product on this machine, from `adrwatch ingest replay` to what alerting has committed."""

from __future__ import annotations

import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis
from kafka import KafkaConsumer, TopicPartition

from deploy.local.processes import Process, StartCancelledError, telling_line
from deploy.local.stack import Stack
from deploy.local.workers import environment, service_workers
from deploy.reconcile.topics import Results
from shared import broker
from shared.errors import AdrwatchError
from shared.events import Post
from shared.settings import Settings
from shared.topics import POSTS, TOPICS
from tests.benchmarks import posts as files
from tests.benchmarks.memory import peak, peaks, processor_seconds
from tests.benchmarks.results import Run

WARM_UP = 100
# Nothing new for so many seconds: the posts that are missing will not come any more.
STANDSTILL = 60.0
# Seconds between two looks: rare while posts are in work, for a look costs the machine something, quick at the end.
_LOOK, _LAST_LOOK = 0.25, 0.02


class Live:
    """A stack under names of its own, gated or not; use as a context manager. Servers given by address are left clean."""

    def __init__(
        self, settings: Settings, folder: Path, *, gated: bool, workers: int, say: Callable[[str], None]
    ) -> None:
        name = f"bench-{uuid.uuid4().hex[:8]}"
        self._folder = folder / name
        self._gated = gated
        changed = {"topic_prefix": name, "redis_prefix": name, "data_dir": self._folder, "gated": gated}
        started = settings.model_copy(update=changed)
        self._given = {key for key in ("kafka_bootstrap", "redis_url") if getattr(settings, key)}
        self.stack = Stack(
            started,
            workers=service_workers(pipeline=workers, alerting=1),
            topics=True,
            say=lambda text: say(f"  {text}"),
        )
        self.settings = started
        self._env: dict[str, str] = {}

    def __enter__(self) -> Self:
        self.stack.start()
        self.settings = self.settings.model_copy(update=self.stack.addresses)
        self._env = environment(self.settings, self.stack.addresses)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.stop()
        if "kafka_bootstrap" in self._given:
            with broker.admin(self.settings) as client:
                client.delete_topics([topic.name(self.settings.topic_prefix) for topic in TOPICS])
        if "redis_url" in self._given:
            with redis.Redis.from_url(self.settings.require("redis_url")) as client:
                for key in client.scan_iter(f"{self.settings.redis_prefix}:*"):
                    client.unlink(key)

    def versions(self) -> dict[str, str]:
        """Of the servers, by name."""
        named = {row.part.capitalize(): row.version for row in self.stack.rows() if row.version}
        return {name: version.removeprefix(f"{name} ") for name, version in named.items()}

    def throughput(self, posts: Sequence[Post], number: int) -> Run:
        """Replay the posts as round `number`. Raises AdrwatchError if one of them gets no outcome.

        The clock runs from the moment the first post is handed to the broker until every post has its outcome and both
        groups have committed everything. A hundred posts go before, as another source.
        """
        self._replay("warmup", posts[:WARM_UP])
        before = processor_seconds(self.stack.pids())
        with Beginning(self.settings) as beginning:
            ended, outcomes, ingest = self._replay("bench", posts)
            after = processor_seconds(self.stack.pids())
            seconds = ended - beginning.first()
        return Run(
            part="c",
            gated=self._gated,
            round=number,
            posts=len(posts),
            seconds=seconds,
            outcomes=outcomes,
            memory={"ingest replay": (ingest,), **peaks(self.stack.pids())},
            processor={name: spent - before.get(name, 0.0) for name, spent in after.items()},
        )

    def _replay(self, source: str, posts: Sequence[Post]) -> tuple[float, dict[str, int], int]:
        """(time of the end in seconds since 1970, distinct posts by kind of outcome, peak memory of the replay in bytes)."""
        file = files.write_replay(self._folder / f"{source}.jsonl", posts)
        wanted = {f"{source}:{post.id}" for post in posts}
        command = [sys.executable, "-m", "services.cli", "ingest", "replay", str(file), "--source-name", source]
        with Results(self.settings) as results:
            results.read()
            feeding = Process(f"replay-{source}", command, self.stack.context.log(f"replay-{source}"), self._env)
            try:
                ended, memory = self._until_done(wanted, results, feeding)
            finally:
                feeding.stop(5)
            kinds = Counter(results.seen.statuses[name].split(":")[0] for name in wanted)
        return ended, dict(kinds), memory

    def _until_done(self, wanted: set[str], results: Results, feeding: Process) -> tuple[float, int]:
        moved, memory = time.monotonic(), 0
        while True:
            memory = max(memory, peak(feeding.pid))
            status = feeding.poll()
            if status not in (None, 0):
                raise AdrwatchError(f"the replay failed: {telling_line(feeding.output())}", fix=f"see {feeding.log}")
            if results.read():
                moved = time.monotonic()
            missing = len(wanted - results.seen.statuses.keys())
            if not missing and status == 0 and not results.lag():
                return time.time(), memory
            if time.monotonic() - moved > STANDSTILL:
                raise AdrwatchError(
                    f"{missing} of {len(wanted)} posts have no outcome, {results.lag()} records wait, and nothing moves",
                    fix=f"see the logs in {self.stack.context.data_dir / 'logs'}",
                )
            self._sleep(_LOOK if missing else _LAST_LOOK)

    def _sleep(self, seconds: float) -> None:
        try:
            self.stack.context.sleep(seconds)
        except StartCancelledError:
            # A part kept ending; its own error says more.
            self.stack.wait()
            raise


class Beginning:
    """Remembers where adr.posts ends now, to tell later when the first record after that was sent."""

    def __init__(self, settings: Settings) -> None:
        self._consumer: Any = broker.connect(settings, KafkaConsumer, group_id=None, enable_auto_commit=False)
        name = POSTS.name(settings.topic_prefix)
        self._places = [TopicPartition(name, partition) for partition in range(POSTS.partitions)]
        self._consumer.assign(self._places)
        self._ends: Mapping[Any, int] = self._consumer.end_offsets(self._places)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def first(self) -> float:
        """Seconds since 1970, by the producer's clock. Raises AdrwatchError when nothing was sent."""
        ends = self._consumer.end_offsets(self._places)
        for place, end in self._ends.items():
            self._consumer.seek(place, end)
        moments: list[int] = []
        while any(self._consumer.position(place) < end for place, end in ends.items()):
            for records in self._consumer.poll(timeout_ms=500).values():
                moments.extend(record.timestamp for record in records)
        if not moments:
            raise AdrwatchError("no post has reached the broker", fix="see the log of the replay")
        return min(moments) / 1000

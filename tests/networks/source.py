"""A live source as its own process, on topics of its own, and a Jetstream that it reads."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from shared.events import DeadLetter, Deletion, Post, decode
from shared.text.identity import post_hash
from shared.topics import DEAD_LETTERS, DELETIONS, POSITIONS, POSTS, PUBLISHED
from tests import topics
from tests.networks.jetstream import POST, Event, Jetstream, jetstream
from tests.processes import gone_at_the_end

PATIENCE = 120.0
SECRET = "a secret of authors for tests"
SECOND = 1_000_000


def start_us() -> int:
    """A time a little later than a source that starts now."""
    return int(time.time() * SECOND) + 30 * SECOND


def ours(event: Event) -> str:
    """The id that the post of an event has at adrwatch."""
    return ours_of(event["did"], event["commit"]["rkey"])


def ours_of(did: str, rkey: str) -> str:
    return f"bluesky:{post_hash(SECRET, 'bluesky', f'{did}/{POST}/{rkey}')}"


class Source:
    """A source under a prefix of its own, its file, and the processes that were started for it.

    `keys` are its keys in the file; `connections` tells how often its network was connected to.
    """

    def __init__(
        self, kafka: str, prefix: str, folder: Path, name: str, keys: dict[str, Any], connections: Callable[[], int]
    ) -> None:
        self.kafka, self.prefix, self.folder, self.name = kafka, prefix, folder, name
        self.keys, self.connections = keys, connections
        self.file = folder / "sources.toml"
        self.log = folder / "source.log"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ADRWATCH_")},
            "ADRWATCH_KAFKA_BOOTSTRAP": kafka,
            "ADRWATCH_TOPIC_PREFIX": prefix,
            "ADRWATCH_DATA_DIR": str(folder),
            "ADRWATCH_SOURCES_FILE": str(self.file),
            "ADRWATCH_AUTHOR_SECRET": SECRET,
            "ADRWATCH_RETRY_FIRST": "0.05",
            "ADRWATCH_RETRY_MOST": "0.2",
            "ADRWATCH_LOG_LEVEL": "DEBUG",
            "ADRWATCH_METRICS_PORT": str(free_port()),
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def configure(self, **keys: Any) -> None:
        """Write the sources file; these keys go before those of the source."""
        lines = [f"{key} = {toml(value)}" for key, value in (self.keys | keys).items()]
        self.file.write_text("\n".join([f"[sources.{self.name}]", *lines]) + "\n")

    def start(self) -> None:
        """Start it, and wait until it is connected."""
        before = self.connections()
        with self.log.open("ab") as log:
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "services.cli", "sources", "run", self.name],
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                )
            )
        self.wait_for(lambda: self.connections() > before, "connection")

    def kill(self) -> None:
        """kill -9."""
        self.processes[-1].kill()
        self.processes[-1].wait()

    def stop(self) -> int:
        """SIGTERM; gives the exit code."""
        self.processes[-1].send_signal(signal.SIGTERM)
        return self.processes[-1].wait(timeout=40)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "services.cli", *words],
            env=self.environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip

    def listed(self) -> dict[str, Any]:
        """`adrwatch sources list --json`, this source."""
        done = self.command("sources", "list", "--json")
        assert done.returncode == 0, done.stderr
        [one] = json.loads(done.stdout)
        return one

    def measured(self, metric: str) -> float:
        """What its process says of itself by now."""
        page = httpx.get(f"http://127.0.0.1:{self.environment['ADRWATCH_METRICS_PORT']}/metrics").text
        [value] = [line.rpartition(" ")[2] for line in page.splitlines() if line.startswith(f'{metric}{{source="')]
        return float(value)

    def records(self, topic: Any) -> list[Any]:
        return topics.records(self.kafka, topic.name(self.prefix))

    def posts(self) -> dict[str, Post]:
        """The posts that stand, by id: the last record of each key."""
        found: dict[str, Post | None] = {}
        for record in self.records(POSTS):
            found[record.key.decode()] = None if record.value is None else decode(record.value, Post)
        return {key: value for key, value in found.items() if value is not None}

    def deletions(self) -> set[str]:
        return {decode(record.value, Deletion).id for record in self.records(DELETIONS)}

    def dead_letters(self) -> list[DeadLetter]:
        """The dead letters that stand."""
        last = {record.key: record.value for record in self.records(DEAD_LETTERS)}
        return [decode(value, DeadLetter) for value in last.values() if value is not None]

    def everything(self) -> bytes:
        """All that was written anywhere: every record of every topic, and the log."""
        written = [self.log.read_bytes()]
        for topic in (POSTS, DELETIONS, DEAD_LETTERS, POSITIONS, PUBLISHED):
            for record in self.records(topic):
                written += [record.key or b"", record.value or b"", *(value for _, value in record.headers)]
        return b"\n".join(written)

    def wait_for(self, condition: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.processes[-1].poll() is None, f"the source ended:\n{self.log.read_text()[-3000:]}"
            assert time.monotonic() < deadline, f"no {what} after {PATIENCE} s:\n{self.log.read_text()[-3000:]}"
            time.sleep(0.1)


def free_port() -> int:
    """A port of the loopback that nobody has now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml(one) for one in value) + "]"
    return json.dumps(value)


class BlueskySource(Source):
    """A source called bluesky, and its Jetstream."""

    def __init__(self, kafka: str, prefix: str, folder: Path, server: Jetstream) -> None:
        keys = {"type": "bluesky", "endpoints": [server.url]}
        super().__init__(kafka, prefix, folder, "bluesky", keys, lambda: server.connections)
        self.server = server


@contextmanager
def started(source: Source, *, make_topics: bool = True) -> Iterator[None]:
    """Topics and file are there; the processes are gone at the end."""
    if make_topics:
        topics.make_all(source.kafka, source.prefix)
    source.configure()
    with gone_at_the_end(source.processes):
        yield


@contextmanager
def source(kafka: str, prefix: str, folder: Path, *, make_topics: bool = True) -> Iterator[BlueskySource]:
    """A source of Bluesky."""
    with jetstream() as server:
        made = BlueskySource(kafka, prefix, folder, server)
        with started(made, make_topics=make_topics):
            yield made

"""`adrwatch up --networks fake`: every source flows at once; a kill loses and doubles nothing; nobody is named anywhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from shared.text.identity import post_hash
from shared.topics import DELETIONS, OUTCOMES, POSTS
from shared.vocabulary.drugs import default_lexicon
from tests import privacy, topics
from tests.networks.town import PLANTED
from tests.networks.vendor import free_port

SECRET = "a secret of authors for tests"
PATIENCE = 240.0
# Posts a second at each network: all of them together are no more than the pipeline reads on a busy machine.
RATE = 10


class Town:
    """The product with its networks as a process, on topics of its own."""

    def __init__(self, kafka: str, redis_url: str, triton: str, prefix: str, folder: Path) -> None:
        self.kafka, self.prefix, self.folder = kafka, prefix, folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ADRWATCH_")},
            "ADRWATCH_KAFKA_BOOTSTRAP": kafka,
            "ADRWATCH_REDIS_URL": redis_url,
            "ADRWATCH_TRITON_URL": triton,
            "ADRWATCH_TOPIC_PREFIX": prefix,
            "ADRWATCH_REDIS_PREFIX": prefix,
            "ADRWATCH_DATA_DIR": str(folder / "data"),
            "ADRWATCH_AUTHOR_SECRET": SECRET,
            "ADRWATCH_RETRY_FIRST": "0.05",
            "ADRWATCH_RETRY_MOST": "0.5",
            "ADRWATCH_PUSH_PORT": str(free_port()),
            "ADRWATCH_DASHBOARD_PORT": str(free_port()),
        }
        command = [sys.executable, "-m", "services.cli", "up", "--json", "--networks", "fake", "--rate", str(RATE)]
        self.process = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True)

    def ready(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline(), "it ended before it was ready"

    def kill_sources(self) -> None:
        """kill -9 of all that brings posts in, and wait until other processes have taken their places."""
        before = {worker: self.pid(worker) for worker in ("sources", "push")}
        for pid in before.values():
            assert pid is not None
            os.killpg(pid, signal.SIGKILL)
        for worker, pid in before.items():
            self.wait_for(lambda w=worker, p=pid: self.pid(w) not in (None, p), f"new process of {worker}")

    def pid(self, worker: str) -> int | None:
        """The process of a worker."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if child.cmdline()[-2:] == ["worker", worker]:
                    return child.pid
        return None

    def said(self) -> list[dict[str, Any]]:
        """What was posted and deleted until now."""
        lines = (self.folder / "data" / "networks" / "said.jsonl").read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def taken_back(self) -> set[str]:
        """What was deleted until now."""
        return {identity(line) for line in self.said() if line["what"] == "delete"}

    def keys(self, topic: Any) -> Counter[str]:
        """How many records of each key a topic has."""
        return Counter(record.key.decode() for record in topics.records(self.kafka, topic.name(self.prefix)))

    def published(self) -> set[str]:
        """The posts that were published with a text: the topic has a tombstone also of one that was read and taken back at once."""
        records = topics.records(self.kafka, POSTS.name(self.prefix))
        return {record.key.decode() for record in records if record.value is not None}

    def never_published(self) -> set[str]:
        """What was gone before its source came by."""
        published = self.published()
        return self.taken_back() - published

    def without(self, topic: Any, posts: set[str]) -> set[str]:
        """Those of these posts that a topic does not have, noted beside the logs."""
        missing = posts - self.keys(topic).keys()
        (self.folder / f"without.{topic.suffix}.json").write_text(json.dumps(sorted(missing), indent=1))
        return missing

    def agreed(self) -> bool:
        """Whether Redis agrees with the topics; what was said of it is noted beside the logs."""
        said = self.command("windows", "verify", "--json")
        (self.folder / "verify.json").write_text(said.stdout + said.stderr)
        return said.returncode == 0

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        file = {"ADRWATCH_SOURCES_FILE": str(self.folder / "data" / "networks" / "sources.toml")}
        return subprocess.run(
            [sys.executable, "-m", "services.cli", *words],
            env=self.environment | file, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip

    def wait_for(self, condition: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, "the launcher ended"
            assert time.monotonic() < deadline, f"no {what} after {PATIENCE:.0f} s; logs in {self.folder}"
            time.sleep(0.5)


def names(line: dict[str, Any]) -> bool:
    """Whether it is to be published."""
    return line["heard"] and bool(default_lexicon().find(line["text"]))


def identity(line: dict[str, Any]) -> str:
    return f"{line['source']}:{post_hash(SECRET, line['source'], line['address'])}"


def test_all_sources_flow_at_once_and_kills_lose_and_double_nothing(
    kafka: str, redis_url: str, triton: str, topic_prefix: str, tmp_path: Path
) -> None:
    town = Town(kafka, redis_url, triton, topic_prefix, tmp_path)
    try:
        town.ready()
        sources = {line["name"]: line for line in json.loads(town.command("sources", "list", "--json").stdout)}
        assert sources
        for count in (20, 60):
            town.wait_for(lambda n=count: enough(town, sources, n), f"{count} posts of every source")
            town.kill_sources()
        town.wait_for(lambda: enough(town, sources, 100), "100 posts of every source")
        until = town.said()
        posted = {identity(line) for line in until if line["what"] == "post" and names(line)}
        gone = {identity(line) for line in until if line["what"] == "delete"}
        deleted = {identity(line) for line in until if line["what"] == "delete" and names(line)}
        assert deleted
        town.wait_for(
            lambda: not town.without(OUTCOMES, posted - gone - town.never_published()), "outcome of every post"
        )
        town.wait_for(
            lambda: not town.without(DELETIONS, deleted & town.keys(POSTS).keys()), "deletion of every post that goes"
        )
        published = town.keys(POSTS).keys()
        assert published <= {identity(line) for line in town.said()}
        town.wait_for(town.agreed, "agreement of Redis with the topics")
        # At any moment one of them may just be thrown out: each is seen at work within a while.
        seen: set[str] = set()

        def all_seen() -> bool:
            seen.update(running(town))
            return seen == set(sources)

        town.wait_for(all_seen, "work of every source")
    finally:
        town.process.send_signal(signal.SIGTERM)
        try:
            town.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            town.process.kill()
    assert town.process.returncode == 0
    # The networks know who wrote; nothing else may.
    people = privacy.find(
        PLANTED,
        [
            *privacy.in_kafka(kafka, topic_prefix),
            *privacy.in_redis(redis_url, topic_prefix),
            *privacy.in_files(town.folder / "data", "networks", "networks.log"),
        ],
    )
    assert people == []


def enough(town: Town, sources: Any, count: int) -> bool:
    """Whether every source has so many posts in the topic."""
    found = Counter(key.partition(":")[0] for key in town.keys(POSTS))
    return all(found[name] >= count for name in sources)


def running(town: Town) -> set[str]:
    """The sources that have a position and flow."""
    listed = json.loads(town.command("sources", "list", "--json").stdout)
    return {line["name"] for line in listed if line["state"] == "running" and line["position"] and not line["error"]}

"""One instance with the sample posts in it, for the commands of the docs to be run on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.demo import sample
from deploy.demo.follow import Follower
from deploy.reconcile.rows import Reading, read_rows
from tests import topics
from tests.environment import settings_of
from tests.processes import gone_at_the_end

# A second report of a designated event, beside the one of the sample: two cases may be one.
GRAVE = {
    "id": "9001", "created_at": "2026-06-09T10:00:00Z", "author": "reader_9001", "source": sample.SOURCE,
    "text": "anaphylactic shock from ibuprofen last night, woke up in the hospital and could hardly breathe for hours",
}  # fmt: skip
PATIENCE = 300.0
WORKERS = ("pipeline", "alerting", "cases")


@contextmanager
def running(folder: Path, kafka: str, redis_url: str, triton: str, prefix: str) -> Iterator[Mapping[str, str]]:
    """Its environment, once every sample post has its outcome and every signal is published; the workers work on."""
    environment = {
        "ADRWATCH_KAFKA_BOOTSTRAP": kafka, "ADRWATCH_REDIS_URL": redis_url, "ADRWATCH_TRITON_URL": triton,
        "ADRWATCH_TOPIC_PREFIX": prefix, "ADRWATCH_REDIS_PREFIX": prefix, "ADRWATCH_DATA_DIR": str(folder),
        "ADRWATCH_EVALUATE_EVERY": "0.2",
    }  # fmt: skip
    settings = settings_of(environment)
    topics.apply(settings)
    (folder / "grave.jsonl").write_text(json.dumps(GRAVE) + "\n")
    posts = (sample.POSTS, sample.BROKEN, folder / "grave.jsonl")
    rows = [row for file in posts for row in read_rows(file, Reading(source_name=sample.SOURCE), lambda text: None)]
    replay = ("ingest", "replay", *map(str, posts), "--source-name", sample.SOURCE, "--speed", "max", "--sort")
    processes: list[subprocess.Popen[bytes]] = []
    with gone_at_the_end(processes):
        for words in (*(("worker", worker) for worker in WORKERS), replay):
            log = (folder / f"{words[1]}.log").open("wb")
            command = [sys.executable, "-m", "services.cli", *words]
            processes.append(subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log))
        deadline = time.monotonic() + PATIENCE
        with Follower(settings, rows) as follower:
            while processes[-1].poll() is None or not follower.look().done:
                for process, worker in zip(processes, WORKERS, strict=False):
                    assert process.poll() is None, (folder / f"{worker}.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.2)
        assert processes[-1].returncode == 0, (folder / "replay.log").read_text()
        yield environment

"""Real workers say at the port of their metrics what they lack, and by their metrics how far behind they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.stack import Stack
from shared.events import Post, encode, now
from shared.settings import load
from shared.stream import Output
from shared.topics import OUTCOMES, POSTS, partition_of
from shared.writer import Writer
from tests import topics
from tests.environment import settings_of
from tests.networks.source import free_port

PATIENCE = 90.0


class Worker:
    """A worker's process, and its port."""

    def __init__(self, service: str, folder: Path, **settings: str) -> None:
        self.port = free_port()
        self.service, self.log = service, folder / f"{service}.log"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ADRWATCH_")},
            **{f"ADRWATCH_{name.upper()}": value for name, value in settings.items()},
            "ADRWATCH_DATA_DIR": str(folder), "ADRWATCH_METRICS_PORT": str(self.port), "ADRWATCH_RETRY_MOST": "0.5",
        }  # fmt: skip

    @contextmanager
    def running(self) -> Iterator[Worker]:
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "services.cli", "worker", self.service]
            process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        try:
            yield self
        finally:
            process.kill()
            process.wait()

    def ask(self, path: str) -> tuple[int, str]:
        """Status and answer; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()
        except OSError:
            return 0, "{}"

    def ready(self) -> dict[str, Any]:
        return json.loads(self.ask("/health/ready")[1])

    def missing(self) -> dict[str, dict[str, Any]]:
        return {part["part"]: part for part in self.ready().get("parts", []) if not part["ok"]}

    def measured(self, name: str, **labels: str) -> float:
        families = text_string_to_metric_families(self.ask("/metrics")[1])
        samples = [one for family in families for one in family.samples if one.name == name]
        return sum(one.value for one in samples if labels.items() <= one.labels.items())

    def wait_for(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline, f"{self.ask('/health/ready')[1]}\n{self.log.read_text()[-3000:]}"
            time.sleep(0.2)


def test_a_pipeline_that_waits_for_triton_says_so_and_goes_on(
    kafka: str, triton: str, topic_prefix: str, tmp_path: Path
) -> None:
    away = Worker("pipeline", tmp_path, kafka_bootstrap=kafka, triton_url="127.0.0.1:1", topic_prefix=topic_prefix)
    with away.running():
        away.wait_for(lambda: "triton" in away.missing() and "127.0.0.1:1" in away.missing()["triton"]["error"])
        assert away.ask("/health/ready")[0] == 503
        assert away.ask("/health/live")[0] == 200
        assert not away.ready()["started"]
        assert "adrwatch models list" in away.missing()["triton"]["fix"]

    worker = Worker("pipeline", tmp_path, kafka_bootstrap=kafka, triton_url=triton, topic_prefix=topic_prefix)
    settings = settings_of(worker.environment)
    topics.apply(settings)
    posts = [
        Post(
            id=f"own:{n}",
            source="own",
            text=f"day {n} on metformin and i feel fine",
            created_at=now(),
            ingested_at=now(),
        )
        for n in range(40)
    ]
    with Writer(settings, 15.0) as writer:
        writer.write([Output(POSTS, one.id, encode(one), partition_of(one.id, POSTS.partitions)) for one in posts])
    with worker.running():
        worker.wait_for(lambda: worker.ask("/health/ready")[0] == 200)
        worker.wait_for(lambda: len(topics.records(kafka, OUTCOMES.name(topic_prefix))) == len(posts))
        worker.wait_for(lambda: worker.measured("adrwatch_lag_records", stage="pipeline") == 0)
        assert worker.measured("adrwatch_batches_in_flight", stage="pipeline") == 0
        assert worker.measured("adrwatch_worker_info", service="pipeline", worker="1") == 1
        assert worker.measured("adrwatch_model_score_count") == len(posts)
        assert {part["part"] for part in worker.ready()["parts"]} == {"kafka", "partitions", "triton", "stage pipeline"}


def test_alerting_names_redis_while_it_is_away_and_is_ready_before(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    with Stack(load(data_dir=tmp_path / "redis"), servers=["redis"]) as stack:
        worker = Worker("alerting", tmp_path, kafka_bootstrap=kafka, redis_url=stack.addresses["redis_url"],
                        topic_prefix=topic_prefix)  # fmt: skip
        topics.apply(settings_of(worker.environment))
        with worker.running():
            worker.wait_for(lambda: worker.ask("/health/ready")[0] == 200)
            assert worker.measured("adrwatch_part_up", part="redis") == 1
            stack.stop()
            worker.wait_for(lambda: worker.ask("/health/ready")[0] == 503)
            assert worker.missing().keys() == {"redis"}
            assert "ADRWATCH_REDIS_URL" in worker.missing()["redis"]["fix"]
            assert worker.measured("adrwatch_part_up", part="redis") == 0
            assert worker.ask("/health/live")[0] == 200


@pytest.mark.parametrize("service", ["cases", "dashboard"])
def test_the_others_are_ready_when_what_they_need_answers(
    kafka: str, redis_url: str, topic_prefix: str, tmp_path: Path, service: str
) -> None:
    port = {"dashboard_port": str(free_port()), "dashboard_access": "development"}
    worker = Worker(service, tmp_path, kafka_bootstrap=kafka, redis_url=redis_url, topic_prefix=topic_prefix, **port)
    topics.apply(settings_of(worker.environment))
    with worker.running():
        worker.wait_for(lambda: worker.ready().get("ready"))
        worker.wait_for(lambda: not worker.missing())
        assert {"kafka", "database"} <= {part["part"] for part in worker.ready()["parts"]}
        assert worker.ask("/health/live")[0] == 200

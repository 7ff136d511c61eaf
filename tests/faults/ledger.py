"""What fault tests need around a worker process: records, committed offsets, and who handled what."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

ROOT = Path(__file__).resolve().parents[2]


def produce(bootstrap: str, topic: str, values: Sequence[bytes], partitions: int) -> None:
    """Write the values, round robin over the partitions, and wait for their acknowledgement."""
    with closing(KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5)) as producer:
        futures = [
            producer.send(topic, key=str(index).encode(), value=value, partition=index % partitions)
            for index, value in enumerate(values)
        ]
        for future in futures:
            future.get(timeout=60)


def committed(bootstrap: str, group: str, topic: str) -> dict[int, int]:
    """The group's committed offset by partition; 0 where it never committed."""
    with closing(KafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)) as consumer:
        return {
            partition: consumer.committed(TopicPartition(topic, partition)) or 0
            for partition in consumer.partitions_for_topic(topic) or ()
        }


def members(bootstrap: str, group: str) -> int:
    """How many members the broker counts in the group."""
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
        described = admin.describe_groups([group])
    return len(described[group]["members"]) if isinstance(described, dict) else len(described[0]["members"])


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
    """Wait until the condition holds; AssertionError after a limit that only a hanging system reaches."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.2)


def start(module: str, env: dict[str, str], log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Run a module of these tests as a process of its own."""
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT, env={**os.environ, **env}, stdout=out, stderr=out,
        )  # fmt: skip

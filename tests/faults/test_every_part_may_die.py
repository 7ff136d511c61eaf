"""The whole product under kill -9 of each of its parts, one after another: it ends where an undisturbed back-test ends."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from kafka.errors import KafkaError

from deploy.demo.sample import POSTS
from deploy.local.stack import Stack
from deploy.local.workers import environment, service_workers
from shared.settings import Settings, load
from tests import topics
from tests.faults import ledger

# Killed in this order, each once so many posts have their outcomes.
KILLS = {"pipeline-1": 40, "redis": 100, "kafka": 160, "triton": 220, "alerting-1": 280}


def command(env: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments], cwd=ledger.ROOT, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def messages(stack: Stack, settings: Settings, suffix: str) -> dict[str, Any]:
    """The latest message of each key; nothing while the broker is away."""
    kafka = stack.addresses["kafka_bootstrap"]
    try:
        records = topics.records(kafka, f"{settings.topic_prefix}.{suffix}")
    except (KafkaError, OSError):
        return {}
    return {record.key.decode(): json.loads(record.value) for record in records if record.value is not None}


def test_any_part_may_be_killed_and_every_outcome_mention_and_alert_is_that_of_a_back_test(tmp_path: Path) -> None:
    settings = load(data_dir=tmp_path / "data", batch_size=16)
    words = ("backtest", str(POSTS), "--out", str(tmp_path / "expected"))
    with ThreadPoolExecutor(1) as beside:
        # While the servers start.
        tested = beside.submit(command, environment(settings, {}), *words)
        with Stack(settings, workers=service_workers(pipeline=1, alerting=1), topics=True) as stack:
            command(environment(settings, stack.addresses), "ingest", "replay", str(POSTS))
            for part, outcomes in KILLS.items():
                ledger.wait_for(
                    lambda n=outcomes: len(messages(stack, settings, "outcomes")) > n, f"{outcomes} outcomes"
                )
                stack.kill(part)
            tested.result()
            for kind in ("outcomes", "mentions", "alerts"):
                lines = (tmp_path / "expected" / f"{kind}.jsonl").read_text().splitlines()
                expected = {message.get("id") or message["post_id"]: message for message in map(json.loads, lines)}
                assert expected

                def settled(kind: str = kind, expected: dict[str, Any] = expected) -> bool:
                    return messages(stack, settings, kind) == expected

                # An alert is published again under its id when later buckets add to it: that its id is there does not
                # make it the last.
                with contextlib.suppress(AssertionError):
                    ledger.wait_for(settled, kind)
                assert messages(stack, settings, kind) == expected
            assert messages(stack, settings, "dead-letters") == {}

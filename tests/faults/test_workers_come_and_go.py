"""Several workers of one group on a real broker: they join, leave, die and come back while records flow."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import topics
from tests.faults import ledger
from tests.faults.test_stream_loses_nothing import Bench

BATCH = 40
# It would need many seconds for all: however seldom a test looks, it finds something left.
SLOW = {"FLAKY_DELAY": "0.1", "ADRWATCH_BATCH_SIZE": str(BATCH), "FLAKY_SESSION": "6"}


@pytest.fixture
def bench(kafka: str, topic_prefix: str, tmp_path: Path) -> Iterator[Bench]:
    topics.make_all(kafka, topic_prefix)
    made = Bench(kafka, topic_prefix, tmp_path)
    yield made
    for process in made.workers:
        process.kill()
        process.wait()


def outcomes(bench: Bench) -> Counter[bytes]:
    """How often each record was passed on."""
    return Counter(record.key for record in topics.records(bench.bootstrap, f"{bench.prefix}.outcomes"))


def shares(bench: Bench, number: int) -> list[int]:
    """How many partitions a worker was given, each time that they were shared out."""
    lines: list[dict[str, Any]] = [
        json.loads(line)
        for line in (bench.folder / f"worker-{number}.log").read_text().splitlines()
        if line.startswith("{")
    ]
    return [line["count"] for line in lines if line["event"] == "partitions assigned"]


def wait_for_shares(bench: Bench, expected: dict[int, int]) -> None:
    ledger.wait_for(
        lambda: {number: (shares(bench, number) or [0])[-1] for number in expected} == expected, f"shares {expected}"
    )


def test_workers_that_join_and_leave_in_order_repeat_a_batch_at_most_and_lose_nothing(bench: Bench) -> None:
    values: list[bytes] = []

    def produce(count: int = 1000) -> None:
        """More of it, so that there is something in hand whenever partitions are shared out."""
        fresh = [f"good-{n}".encode() for n in range(len(values), len(values) + count)]
        bench.produce(fresh)
        values.extend(fresh)

    produce()
    first = bench.worker(1, **SLOW)
    ledger.wait_for(lambda: len(bench.passed()) > 100, "the first records")
    produce()
    bench.worker(2, **SLOW)
    wait_for_shares(bench, {1: 2, 2: 2})
    produce()
    bench.worker(3, **SLOW)
    ledger.wait_for(lambda: ledger.members(bench.bootstrap, f"{bench.prefix}.flaky") == 3, "three members")
    produce()
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=60) == 0
    wait_for_shares(bench, {2: 2, 3: 2})
    bench.wait(len(values))
    found = outcomes(bench)
    assert found.keys() == set(values)
    # Every rebalance waits for the batch in flight and commits it: three times something may be handled again.
    assert found.total() - len(found) <= BATCH


def test_a_killed_worker_comes_back_under_its_name_without_a_rebalance_of_the_others(bench: Bench) -> None:
    values = [f"good-{n}".encode() for n in range(3000)]
    bench.produce(values)
    bench.worker(1, **SLOW)
    second = bench.worker(2, **SLOW)
    wait_for_shares(bench, {1: 2, 2: 2})
    before, of_second = shares(bench, 1), shares(bench, 2)
    second.send_signal(signal.SIGKILL)
    second.wait()
    bench.worker(2, **SLOW)
    bench.wait(3000)
    assert outcomes(bench).keys() == set(values)
    assert shares(bench, 1) == before
    assert shares(bench, 2) == [*of_second, 2]


def test_of_two_workers_with_one_id_the_first_ends_with_an_error_that_names_the_cause(bench: Bench) -> None:
    values = [f"good-{n}".encode() for n in range(1500)]
    bench.produce(values)
    first = bench.worker(1, **SLOW)
    ledger.wait_for(lambda: len(bench.passed()) > 100, "the first records")
    second = bench.worker(1, **SLOW)
    assert first.wait(timeout=60) == 2
    log = (bench.folder / "worker-1.log").read_text()
    assert "another process has taken the place of this worker, which ends" in log
    assert "give each worker of a service an ADRWATCH_WORKER_ID of its own" in log
    bench.wait(1500)
    assert second.poll() is None
    assert outcomes(bench).keys() == set(values)

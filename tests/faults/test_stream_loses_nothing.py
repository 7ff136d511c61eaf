"""The micro-batch loop on a real broker: exceptions, poison, kill -9, stop signals, absent dependencies."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import topics
from tests.faults import ledger

PARTITIONS = 4
SPEED = {"ADRWATCH_RETRY_FIRST": "0.01", "ADRWATCH_RETRY_MOST": "0.05", "ADRWATCH_BATCH_WAIT": "0.05"}


class Bench:
    """A topic prefix on the broker, and the workers started on it."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path) -> None:
        self.bootstrap, self.prefix, self.folder = bootstrap, prefix, folder
        self.workers: list[subprocess.Popen[bytes]] = []

    def produce(self, values: list[bytes]) -> None:
        ledger.produce(self.bootstrap, f"{self.prefix}.posts", values, PARTITIONS)

    def worker(self, number: int = 1, **env: str) -> subprocess.Popen[bytes]:
        settings = {
            "ADRWATCH_KAFKA_BOOTSTRAP": self.bootstrap,
            "ADRWATCH_TOPIC_PREFIX": self.prefix,
            "ADRWATCH_DATA_DIR": str(self.folder),
            "ADRWATCH_WORKER_ID": str(number),
        }
        process = ledger.start(
            "tests.faults.flaky_worker", settings | SPEED | env, self.folder / f"worker-{number}.log"
        )
        self.workers.append(process)
        return process

    def passed(self) -> set[bytes]:
        return {record.key for record in topics.records(self.bootstrap, f"{self.prefix}.outcomes") if record.key}

    def dead(self) -> set[bytes]:
        return {record.key for record in topics.records(self.bootstrap, f"{self.prefix}.dead-letters") if record.key}

    def committed(self) -> int:
        return sum(ledger.committed(self.bootstrap, f"{self.prefix}.flaky", f"{self.prefix}.posts").values())

    def wait(self, count: int) -> None:
        def all_done() -> bool:
            assert any(one.poll() is None for one in self.workers), f"no worker is left, see {self.folder}"
            return len(self.passed()) + len(self.dead()) >= count

        ledger.wait_for(all_done, f"{count} records")
        ledger.wait_for(lambda: self.committed() == count, "the commit of all offsets")


@pytest.fixture
def bench(kafka: str, topic_prefix: str, tmp_path: Path) -> Iterator[Bench]:
    topics.make_all(kafka, topic_prefix)
    made = Bench(kafka, topic_prefix, tmp_path)
    yield made
    for process in made.workers:
        process.kill()
        process.wait()


def test_an_exception_inside_a_batch_loses_only_the_record_that_caused_it(bench: Bench) -> None:
    good = [f"good-{n}".encode() for n in range(300)]
    values = list(good)
    for place in (0, 77, 150, 151, 299):
        values[place] = f"poison-{place}".encode()
    values[10] = b"refused-10"
    bench.produce(values)
    bench.worker()
    bench.wait(300)
    assert bench.passed() == {value for value in values if value.startswith(b"good")}
    assert len(bench.dead()) == 6


def test_failing_calls_poison_and_a_kill_lose_nothing(bench: Bench) -> None:
    values = [f"good-{n}".encode() for n in range(5000)]
    for place in range(0, 5000, 250):
        values[place] = f"poison-{place}".encode()
    bench.produce(values)
    first = bench.worker(FLAKY_FAILURES="0.3", FLAKY_DELAY="0.02")
    ledger.wait_for(lambda: len(bench.passed()) > 1000, "a part of the records")
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert len(bench.passed()) < 4980
    bench.worker(FLAKY_FAILURES="0.3")
    bench.wait(5000)
    assert bench.passed() == {value for value in values if value.startswith(b"good")}
    assert len(bench.dead()) == 20


def test_a_stop_signal_during_processing_finishes_or_leaves_the_batch(bench: Bench) -> None:
    values = [f"good-{n}".encode() for n in range(2000)]
    bench.produce(values)
    # It would need many seconds for all: however seldom this looks, it finds something left to stop it in.
    first = bench.worker(FLAKY_DELAY="0.5")
    ledger.wait_for(lambda: len(bench.passed()) > 200, "a part of the records")
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=60) == 0
    passed, committed = len(bench.passed()), bench.committed()
    assert passed < 2000
    assert committed <= passed
    bench.worker()
    bench.wait(2000)
    assert bench.passed() == set(values)


def test_a_worker_whose_dependency_is_away_commits_nothing_and_still_stops(bench: Bench) -> None:
    values = [f"good-{n}".encode() for n in range(200)]
    bench.produce(values)
    # It does not use the grace: what waits is given up at once.
    first = bench.worker(FLAKY_FAILURES="1", ADRWATCH_STOP_GRACE="300")
    log = bench.folder / "worker-1.log"
    ledger.wait_for(lambda: b"dependency away" in log.read_bytes(), "a retry")
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=60) == 0
    assert b"leaving it uncommitted" not in log.read_bytes()
    assert bench.committed() == 0
    bench.worker()
    bench.wait(200)
    assert bench.passed() == set(values)


def test_a_worker_that_hangs_in_a_batch_ends_when_its_grace_is_over_and_commits_nothing(bench: Bench) -> None:
    values = [f"good-{n}".encode() for n in range(20)]
    bench.produce(values)
    first = bench.worker(FLAKY_DELAY="3600", ADRWATCH_STOP_GRACE="1")
    log = bench.folder / "worker-1.log"
    ledger.wait_for(lambda: b"a call begins" in log.read_bytes(), "a call that hangs")
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=60) == 0
    assert b"leaving it uncommitted" in log.read_bytes()
    assert bench.committed() == 0
    bench.worker()
    bench.wait(20)
    assert bench.passed() == set(values)


def test_the_partitions_of_a_killed_member_go_to_the_others_once_it_is_evicted(bench: Bench) -> None:
    group = f"{bench.prefix}.flaky"
    bench.worker(1)
    # The least that the broker takes.
    second = bench.worker(2, FLAKY_SESSION="6")
    ledger.wait_for(lambda: ledger.members(bench.bootstrap, group) == 2, "two members")
    second.send_signal(signal.SIGKILL)
    second.wait()
    values = [f"good-{n}".encode() for n in range(400)]
    bench.produce(values)
    ledger.wait_for(lambda: ledger.members(bench.bootstrap, group) == 1, "the eviction of the killed member")
    bench.wait(400)
    assert bench.passed() == set(values)

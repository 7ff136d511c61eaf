"""A stage that stands still for its dead letters, in a group of workers on a real broker: it holds nobody else up."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request
from contextlib import closing
from typing import Any

from kafka import KafkaProducer

from tests import topics
from tests.faults import ledger
from tests.faults.test_dead_letters_by_the_hundred import LIMITS, bench, holds, stands_still
from tests.faults.test_stream_loses_nothing import Bench
from tests.faults.test_workers_come_and_go import wait_for_shares
from tests.integration.ingest_command import Adrwatch, adrwatch
from tests.networks.source import free_port

__all__ = ["adrwatch", "bench"]

PARTITIONS = range(4)
# Longer than any wait of this test: nothing ends because its grace is over.
USUAL = LIMITS | {"ADRWATCH_STOP_GRACE": "300", "FLAKY_SESSION": "6"}
PART = "stage flaky"


def put(bench: Bench, values: dict[bytes, int]) -> None:
    """Records into partitions."""
    with closing(KafkaProducer(bootstrap_servers=bench.bootstrap, acks="all")) as producer:
        for value, partition in values.items():
            producer.send(f"{bench.prefix}.posts", key=value, value=value, partition=partition)
        producer.flush(timeout=60)


def passed_by(bench: Bench) -> dict[int, set[bytes]]:
    """What each worker has passed on."""
    found: dict[int, set[bytes]] = {}
    for record in topics.records(bench.bootstrap, f"{bench.prefix}.outcomes"):
        found.setdefault(int(dict(record.headers)["worker"]), set()).add(record.key)
    return found


def ready(port: int) -> dict[str, Any]:
    """What a worker says of itself; nothing while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return json.loads(refused.read())
    except OSError:
        return {"ready": False, "parts": []}


def test_a_stage_on_hold_says_so_hands_over_stops_when_told_and_loses_nothing(bench: Bench, adrwatch: Adrwatch) -> None:
    ports = {1: free_port(), 2: free_port()}

    def start(number: int) -> None:
        bench.worker(number, **USUAL, ADRWATCH_METRICS_PORT=str(ports[number]))

    def on_hold() -> list[int]:
        """The workers that say that they stand still."""
        return [
            number
            for number, port in ports.items()
            if any(part["part"] == PART and not part["ok"] for part in ready(port)["parts"])
        ]

    def of_held() -> int:
        """How far the group has come in the partition that is held."""
        return ledger.committed(bench.bootstrap, f"{bench.prefix}.flaky", f"{bench.prefix}.posts")[0]

    refused = {b"refused-%d" % n: 0 for n in range(60)}
    good = {b"good-%d" % partition: partition for partition in PARTITIONS}
    put(bench, refused)
    start(1)
    stands_still(bench)
    ledger.wait_for(lambda: on_hold() == [1], "a worker that says that it stands still")
    answer = ready(ports[1])
    [said] = [part for part in answer["parts"] if part["part"] == PART]
    assert "partition 0" in said["error"]
    assert "adrwatch dead-letters resume" in said["fix"]
    # To wait for a person is no reason to take it away, or to hold the roll-out of what mends it.
    assert answer["ready"]

    start(2)
    wait_for_shares(bench, {1: 2, 2: 2})
    put(bench, good)
    # Who has the partition that is held stands still, and nobody else does.
    ledger.wait_for(lambda: len(bench.passed()) == 2 and len(on_hold()) == 1, "the partitions of the other worker")
    [holder] = on_hold()
    assert passed_by(bench).keys() == ports.keys() - {holder}
    before = of_held()

    bench.workers[holder - 1].send_signal(signal.SIGTERM)
    assert bench.workers[holder - 1].wait(timeout=60) == 0
    assert of_held() == before < len(refused)
    start(holder)

    def let_go() -> bool:
        if holds(bench):
            assert adrwatch("dead-letters", "resume", "flaky", "--why", "a test") == 0
        return bench.committed() == len(refused) + len(good)

    ledger.wait_for(let_go, "the commit of all offsets")
    assert bench.passed() == good.keys()
    assert len(bench.dead()) == len(refused)
    assert sum(map(len, passed_by(bench).values())) == len(good)

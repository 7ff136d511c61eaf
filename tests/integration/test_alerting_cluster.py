"""Alerting on a Redis Cluster of two nodes: every script stays in one slot, stages keep their order across nodes."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from shared.events import encode
from tests.unit.alerting.world import (
    HOUR,
    Alerting,
    closing,
    expected_alerts,
    mention,
    several_days,
    small_rules,
)

SLOTS = 16384
PATIENCE = 30.0


def free_ports(count: int) -> list[int]:
    """Ports that are free, and whose cluster bus port (10,000 above) exists."""
    ports: list[int] = []
    while len(ports) < count:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port <= 55535 and port not in ports:
            ports.append(port)
    return ports


def wait_for(condition, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"no {what} after {PATIENCE} s"
        time.sleep(0.05)


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@pytest.fixture
def cluster_url(redis_url: str, tmp_path: Path) -> Iterator[str]:
    """URL of a cluster of two nodes, run by the same program as the single server."""
    with redis.Redis.from_url(redis_url) as client:
        program = client.info("server")["executable"]
    ports, nodes = free_ports(2), []
    for port in ports:
        folder = tmp_path / str(port)
        folder.mkdir()
        arguments = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--cluster-enabled", "yes"]
        log = (folder / "log").open("wb")
        nodes.append(subprocess.Popen([program, *arguments, "--save", ""], stdout=log, stderr=log))
    clients = [redis.Redis(port=port) for port in ports]
    try:
        for client, first, last in zip(clients, (0, SLOTS // 2), (SLOTS // 2 - 1, SLOTS - 1), strict=True):
            wait_for(lambda client=client: answers(client), "answer of a node")
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
        clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", ports[1])
        for client in clients:
            wait_for(lambda client=client: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"), "cluster")
        yield f"redis://127.0.0.1:{ports[0]}/0"
    finally:
        for client in clients:
            client.close()
        for node in nodes:
            node.terminate()
            node.wait()


async def test_the_whole_of_alerting_runs_on_a_cluster(cluster_url: str, topic_prefix: str):
    rules, end = small_rules(), 2 * 24 * HOUR
    worker = Alerting(cluster_url, topic_prefix, rules)
    outcomes = several_days(days=2, posts=350)
    await worker.count(outcomes + closing(end + HOUR))
    await worker.tick()
    expected = expected_alerts(outcomes, end, rules)
    assert len(expected) >= 2
    assert {encode(alert) for alert in worker.stream.alerts} == {encode(alert) for alert in expected}

    example = expected[-1].examples[0]
    await worker.mentions(mention(example, 0, fingerprint="f", serious=("death",)))
    await worker.delete(example)
    await worker.tick()
    assert example not in await worker.rows()
    assert not any(example in alert.examples for alert in worker.stream.latest.values())

    buckets = await worker.store.versions(0, 1 << 40)
    await worker.count(closing(end + 400 * HOUR))
    await worker.tick()
    await worker.tick()
    assert await worker.rows() == {}
    assert not any((await worker.store.read(buckets)).values())
    await worker.link.close()

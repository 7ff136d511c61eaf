"""What a worker says of itself: missing parts by name, loops that hang, and that at the port of its metrics."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from shared import health_port
from shared.health import LOOP_SECONDS, SILENT_SECONDS, Health
from shared.settings import load
from tests.networks.source import free_port


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(clock)


def missing(health: Health) -> list[str]:
    return [part.part for part in health.ready().parts if not part.ok]


def test_a_worker_is_ready_when_it_has_started_and_everything_it_needs_has_answered(health: Health) -> None:
    health.needs("redis", "start it")
    assert missing(health) == ["redis", "start"]
    health.answered("redis")
    assert missing(health) == ["start"]
    assert not health.ready().ready
    health.started()
    assert health.ready().ready
    assert missing(health) == []


def test_what_is_away_is_named_with_error_fix_and_since_when(health: Health) -> None:
    health.started()
    health.needs("redis", "start it")
    health.answered("redis")
    health.away("redis", "no answer: TimeoutError")
    (part,) = health.ready().parts
    health.away("redis", "no answer: ConnectionError")
    (later,) = health.ready().parts
    assert (later.part, later.ok, later.error, later.fix) == ("redis", False, "no answer: ConnectionError", "start it")
    assert later.since == part.since
    health.answered("redis")
    assert health.ready().ready


def test_what_says_nothing_any_more_counts_as_missing(health: Health, clock: Clock) -> None:
    health.started()
    health.needs("redis", "start it")
    health.answered("redis")
    clock.now += SILENT_SECONDS - 1
    assert health.ready().ready
    clock.now += 2
    assert missing(health) == ["redis"]
    assert "nothing was heard" in health.ready().parts[0].error


def test_what_a_worker_can_do_without_is_told_and_does_not_make_it_unready(health: Health) -> None:
    health.started()
    health.needs("redis", "start it", needed=False)
    found = health.ready()
    assert found.ready
    assert [(part.part, part.ok, part.needed) for part in found.parts] == [("redis", False, False)]


def test_of_what_nobody_declared_nothing_is_kept(health: Health) -> None:
    health.started()
    health.answered("redis")
    health.away("kafka", "no answer")
    assert health.ready().parts == []


def test_a_loop_that_does_not_turn_in_its_time_hangs_and_one_that_has_ended_does_not(
    health: Health, clock: Clock
) -> None:
    health.turning(LOOP_SECONDS, "event loop")
    health.turning(3600, "courier")
    assert health.hanging() == []
    clock.now += LOOP_SECONDS + 1
    assert health.hanging() == ["event loop"]
    health.turning(LOOP_SECONDS, "event loop")
    assert health.hanging() == []
    clock.now += LOOP_SECONDS + 1
    health.ended("event loop")
    assert health.hanging() == []


def test_a_loop_is_called_like_its_thread(health: Health, clock: Clock) -> None:
    thread = threading.Thread(target=health.turning, args=(1.0,), name="bluesky")
    thread.start()
    thread.join()
    clock.now += 2
    assert health.hanging() == ["bluesky"]


@pytest.fixture
def port(health: Health) -> Iterator[int]:
    settings = load(metrics_port=free_port())
    end = health_port.serve("test", settings, health)
    yield settings.metrics_port
    end()


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def said(port: int, path: str) -> tuple[int, dict[str, Any]]:
    status, body = ask(port, path)
    return status, json.loads(body)


def test_the_port_answers_for_live_ready_and_metrics(port: int, health: Health, clock: Clock) -> None:
    health.needs("redis", "start it")
    health.away("redis", "no answer")
    health.turning(1.0, "event loop")
    status, body = said(port, "/health/ready")
    assert (status, body["ready"], body["started"]) == (503, False, False)
    (redis,) = [part for part in body["parts"] if part["part"] == "redis"]
    assert {key: redis[key] for key in ("ok", "error", "fix")} == {"ok": False, "error": "no answer", "fix": "start it"}
    assert redis["since"].endswith("Z")
    health.started()
    health.answered("redis")
    assert said(port, "/health/ready")[0] == 200
    assert said(port, "/health/live") == (200, {"live": True, "hanging": []})
    clock.now += 2
    assert said(port, "/health/live") == (503, {"live": False, "hanging": ["event loop"]})
    status, page = ask(port, "/metrics")
    assert status == 200
    assert 'adrwatch_part_up{part="redis"} 1.0' in page
    assert 'adrwatch_worker_info{service="test",version=' in page

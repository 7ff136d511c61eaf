"""The dashboard over a real topic of alerts and a real database."""

from __future__ import annotations

import functools
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from kafka import KafkaProducer

from services.dashboard.app import application
from services.dashboard.worker import desk_of
from shared import settings
from shared.events import Alert, encode
from shared.topics import ALERTS
from tests import topics
from tests.processes import gone_at_the_end

PATIENCE = 60.0
Publish = Callable[..., None]


@pytest.fixture
def place(
    kafka: str, redis_url: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[settings.Settings]:
    """Settings of an instance of its own, with all topics."""
    topics.make_all(kafka, topic_prefix)
    for name, value in {
        "KAFKA_BOOTSTRAP": kafka, "REDIS_URL": redis_url, "TOPIC_PREFIX": topic_prefix, "REDIS_PREFIX": topic_prefix,
        "DATA_DIR": str(tmp_path), "DASHBOARD_ACCESS": "development",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"ADRWATCH_{name}", value)
    settings.current.cache_clear()
    yield settings.current()
    settings.current.cache_clear()


@pytest.fixture
def client(place: settings.Settings) -> Iterator[TestClient]:
    """A browser of the development person, once the alerts of the topic are known."""
    with TestClient(application(functools.partial(desk_of, place)), base_url="http://127.0.0.1:8480") as found:
        found.headers["Sec-Fetch-Site"] = "same-origin"
        assert found.app.state.desk.view.alerts.caught_up.wait(PATIENCE)  # type: ignore[attr-defined]
        yield found


@contextmanager
def dashboard_of(place: settings.Settings, folder: Path) -> Iterator[str]:
    """The dashboard of the settings as a process of its own, once it knows alerts and counts; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {"ADRWATCH_DASHBOARD_PORT": str(port), "ADRWATCH_DATA_DIR": str(folder)}
    address, log = f"http://127.0.0.1:{port}", folder / "dashboard.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.cli", "worker", "dashboard"],
            env=os.environ | variables,
            stdout=file,
            stderr=file,
        )
    with gone_at_the_end([process]):
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(httpx.TransportError):
                if all(httpx.get(f"{address}/api/v1/{name}").status_code == 200 for name in ("alerts", "drugs")):
                    break
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield address


@pytest.fixture
def publish(kafka: str, place: settings.Settings, client: TestClient) -> Iterator[Publish]:
    """Writes alerts, or tombstones of ids, and waits until the dashboard knows."""
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
    live = client.app.state.desk.view.alerts  # type: ignore[attr-defined]

    def write(*alerts: Alert | str) -> None:
        for one in alerts:
            name, value = (one, None) if isinstance(one, str) else (one.id, encode(one))
            producer.send(ALERTS.name(place.topic_prefix), key=name.encode(), value=value)
        producer.flush()
        deadline = time.monotonic() + PATIENCE
        for one in alerts:
            name, wanted = (one, None) if isinstance(one, str) else (one.id, one)
            while live.get(name) != wanted:
                assert time.monotonic() < deadline
                time.sleep(0.02)

    yield write
    producer.close()

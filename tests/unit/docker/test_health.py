"""What Docker is told of a container's health."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tritonclient.utils import InferenceServerException

from deploy.docker import triton_health, worker_health
from deploy.local.triton_canary import CanaryError
from shared import health_port
from shared.errors import DependencyAway
from shared.health import Health
from shared.settings import load
from tests.networks.source import free_port


@pytest.fixture
def health() -> Health:
    health = Health()
    health.started()
    return health


@pytest.fixture
def worker(health: Health) -> Iterator[int]:
    """The port of a worker."""
    settings = load(metrics_port=free_port())
    end = health_port.serve("test", settings, health)
    yield settings.metrics_port
    end()


def test_a_worker_is_healthy_while_all_that_it_needs_answers(worker: int, health: Health) -> None:
    worker_health.check(worker)
    health.needs("redis", "start it")
    health.answered("redis")
    health.needs("kafka", "start it", needed=False)
    worker_health.check(worker)


def test_a_worker_whose_servers_are_away_is_not_healthy_and_says_which_and_why(worker: int, health: Health) -> None:
    for part in ("redis", "kafka"):
        health.needs(part, "start it")
        health.away(part, "no answer")
    with pytest.raises(DependencyAway, match=r"^redis: no answer; kafka: no answer$"):
        worker_health.check(worker)


def test_a_worker_that_does_not_answer_is_not_healthy() -> None:
    with pytest.raises(DependencyAway, match="nothing answers at port 1"):
        worker_health.check(1)


class FakeTriton:
    """Two models; `faults` are what inferences of a model raise until it is loaded again."""

    def __init__(self, **faults: str) -> None:
        self.faults = faults
        self.loaded: list[str] = []

    def get_model_repository_index(self, **_: object) -> dict[str, Any]:
        return {"models": [{"name": name, "state": "READY"} for name in ("first", "second")]}

    def get_model_metadata(self, *_: object, **__: object) -> dict[str, Any]:
        return {"inputs": []}

    def infer(self, model: str, *_: object, **__: object) -> None:
        if model in self.faults:
            raise InferenceServerException("why", status=f"StatusCode.{self.faults[model]}")

    def unload_model(self, model: str) -> None:
        self.faults.pop(model) if self.faults[model] == "INTERNAL" else None

    def load_model(self, model: str) -> None:
        self.loaded.append(model)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Any:
    def serve(server: FakeTriton) -> FakeTriton:
        @contextmanager
        def connected(_address: str, _options: object) -> Iterator[FakeTriton]:
            yield server

        monkeypatch.setattr(triton_health, "connected", connected)
        return server

    return serve


def test_models_that_answer_are_left_alone(serve: Any) -> None:
    server = serve(FakeTriton())
    assert triton_health.check("host:1") == []
    assert server.loaded == []


def test_a_model_whose_process_died_is_loaded_again(serve: Any) -> None:
    server = serve(FakeTriton(second="INTERNAL"))
    assert triton_health.check("host:1") == ["second"]
    assert server.loaded == ["second"]


def test_a_model_that_is_only_slow_is_not_healthy_and_not_loaded_again(serve: Any) -> None:
    server = serve(FakeTriton(first="DEADLINE_EXCEEDED"))
    with pytest.raises(CanaryError):
        triton_health.check("host:1")
    assert server.loaded == []


def test_a_model_that_is_only_slow_is_alive_for_whoever_would_start_the_server_again(serve: Any) -> None:
    server = serve(FakeTriton(first="DEADLINE_EXCEEDED", second="INTERNAL"))
    assert triton_health.check("host:1", slow_is_alive=True) == ["second"]
    assert server.loaded == ["second"]


def test_a_model_that_cannot_be_mended_is_not_alive(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(FakeTriton(first="UNKNOWN"))
    monkeypatch.setattr("sys.argv", ["triton_health", "host:1", "--slow-is-alive"])
    with pytest.raises(SystemExit, match="first"):
        triton_health.main()


def test_a_model_that_does_not_answer_after_loading_either_is_not_healthy(serve: Any) -> None:
    serve(FakeTriton(first="UNKNOWN"))
    with pytest.raises(CanaryError, match="first"):
        triton_health.check("host:1")


def test_a_server_without_models_is_not_healthy(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(FakeTriton())
    monkeypatch.setattr(server, "get_model_repository_index", lambda **_: {"models": []})
    with pytest.raises(DependencyAway, match="no model"):
        triton_health.check("host:1")

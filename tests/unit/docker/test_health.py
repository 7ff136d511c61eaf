"""What Docker is told of a container's health."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.metrics import Gauge
from tritonclient.utils import InferenceServerException

from deploy.docker import triton_health, worker_health
from deploy.local.triton_canary import CanaryError
from shared.errors import DependencyAway


def metrics(**stages: int) -> CollectorRegistry:
    registry = CollectorRegistry()
    gauge = Gauge("adrwatch_dependency_up", "…", ["stage"], registry=registry)
    for stage, value in stages.items():
        gauge.labels(stage).set(value)
    return registry


@pytest.fixture
def worker(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a worker whose stages are the test's parameter."""
    server, thread = start_http_server(0, addr="127.0.0.1", registry=metrics(**request.param))
    yield server.server_port
    server.shutdown()
    thread.join()


def test_stages_that_wait_for_a_server_are_named() -> None:
    text = generate_latest(metrics(windows=0, deletions=1, pipeline=0)).decode()
    assert worker_health.waiting_stages(text) == ["pipeline", "windows"]


@pytest.mark.parametrize("worker", [{}, {"pipeline": 1}], indirect=True)
def test_a_worker_is_healthy_while_none_of_its_stages_waits(worker: int) -> None:
    worker_health.check(worker)


@pytest.mark.parametrize("worker", [{"windows": 1, "deletions": 0}], indirect=True)
def test_a_worker_whose_server_is_away_is_not_healthy_and_says_which_stage_waits(worker: int) -> None:
    with pytest.raises(DependencyAway, match=r"waiting for a server that does not answer: deletions$"):
        worker_health.check(worker)


def test_a_worker_without_metrics_is_not_healthy() -> None:
    with pytest.raises(DependencyAway, match="no metrics at port 1"):
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


def test_a_model_that_does_not_answer_after_loading_either_is_not_healthy(serve: Any) -> None:
    serve(FakeTriton(first="UNKNOWN"))
    with pytest.raises(CanaryError, match="first"):
        triton_health.check("host:1")


def test_a_server_without_models_is_not_healthy(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(FakeTriton())
    monkeypatch.setattr(server, "get_model_repository_index", lambda **_: {"models": []})
    with pytest.raises(DependencyAway, match="no model"):
        triton_health.check("host:1")

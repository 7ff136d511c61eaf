"""A server is asked to load what it does not serve yet, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from services.pipeline.inference import summon
from shared.errors import DependencyAway
from shared.triton_security import TritonAddress


class Server(service_pb2_grpc.GRPCInferenceServiceServicer):
    """Serves `ready`, and what it is asked to load. `broken` cannot be loaded."""

    def __init__(self, ready: set[tuple[str, str]]) -> None:
        self.ready = ready
        self.loaded: list[str] = []

    def ModelReady(self, request: Any, context: Any) -> Any:  # noqa: N802 - as the service calls it
        return service_pb2.ModelReadyResponse(ready=(request.name, request.version) in self.ready)

    def RepositoryModelLoad(self, request: Any, context: Any) -> Any:  # noqa: N802 - as the service calls it
        if request.model_name == "broken":
            context.abort(grpc.StatusCode.INTERNAL, "failed to load")
        self.loaded.append(request.model_name)
        return service_pb2.RepositoryModelLoadResponse()


@contextmanager
def served(*ready: tuple[str, str]) -> Iterator[tuple[Server, TritonAddress]]:
    servicer = Server(set(ready))
    server = grpc.server(ThreadPoolExecutor(2))
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield servicer, TritonAddress(f"127.0.0.1:{port}")
    finally:
        server.stop(0)


async def test_only_what_is_not_served_in_its_version_is_loaded() -> None:
    with served(("one", "2"), ("other", "1")) as (server, address):
        await summon(address, {"one": 2, "other": 2, "third": 1})
        assert server.loaded == ["other", "third"]
        await summon(address, {})
        assert server.loaded == ["other", "third"]


async def test_a_model_that_cannot_be_loaded_is_something_to_wait_for() -> None:
    with served() as (_, address), pytest.raises(DependencyAway, match="broken"):
        await summon(address, {"broken": 1})

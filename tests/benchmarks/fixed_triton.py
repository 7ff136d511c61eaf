"""A server of the KServe protocol that answers every request after a fixed time: models that cost no processor.

With it a benchmark measures all that is around the models, and no machine needs an accelerator for that. It serves the names,
versions, shapes and parameters of a model repository. The answers are made up, from one row alone: a post in `ONE_IN` reports,
and of a post that reports one word may be a reaction. Requests do not wait for one another.

`python -m tests.benchmarks.fixed_triton [--milliseconds 5] [--port 0] [--repository triton_models]` prints its address.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from google.protobuf import text_format
from numpy.typing import NDArray
from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig
from tritonclient.grpc.service_pb2 import (
    ModelConfigResponse,
    ModelInferResponse,
    ModelMetadataResponse,
    ModelReadyResponse,
    RepositoryIndexResponse,
    ServerLiveResponse,
    ServerMetadataResponse,
    ServerReadyResponse,
)
from tritonclient.grpc.service_pb2_grpc import (
    GRPCInferenceServiceServicer,
    add_GRPCInferenceServiceServicer_to_server,
)

from deploy.local.processes import HOST, Context, Process, telling_line
from shared.errors import AdrwatchError
from shared.models.decode import BEGIN, OUTSIDE, TAGS
from shared.settings import PACKAGE_ROOT

NAME = "fixed"
MILLISECONDS = 5.0
# Of posts that pass the screen of the benchmark's stream, about so many report.
ONE_IN = 16
_SURE = 6.0
_PATIENCE = 30.0


class FixedTriton(GRPCInferenceServiceServicer):
    """The part of the protocol that the product uses. `configurations` by model; `seconds` from a request to its answer."""

    def __init__(self, configurations: Mapping[str, Any], seconds: float) -> None:
        self._configurations = configurations
        self._seconds = seconds

    async def ServerLive(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's names
        """Always."""
        return ServerLiveResponse(live=True)

    async def ServerReady(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Always."""
        return ServerReadyResponse(ready=True)

    async def ModelReady(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Whether the repository has the model."""
        return ModelReadyResponse(ready=request.name in self._configurations)

    async def ServerMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The name tells it from a server with models."""
        return ServerMetadataResponse(name=NAME, version="1")

    async def ModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Names, types and shapes of the tensors."""
        configuration = await self._configuration(request.name, request.version, context)
        answer = ModelMetadataResponse(name=configuration.name, versions=map(str, _versions(configuration)))
        for tensors, told in ((configuration.input, answer.inputs), (configuration.output, answer.outputs)):
            for tensor in tensors:
                kind = DataType.Name(tensor.data_type).removeprefix("TYPE_")
                told.add(name=tensor.name, datatype=kind, shape=[-1, *tensor.dims])
        return answer

    async def ModelConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The model's config.pbtxt."""
        return ModelConfigResponse(config=await self._configuration(request.name, request.version, context))

    async def RepositoryIndex(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Every version that the configurations name."""
        answer = RepositoryIndexResponse()
        for name, configuration in self._configurations.items():
            for version in _versions(configuration):
                answer.models.add(name=name, version=str(version), state="READY")
        return answer

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The made-up output, when the time is over."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._seconds
        configuration = await self._configuration(request.model_name, request.model_version, context)
        tensor = configuration.output[0]
        output = made_up(_inputs(request), int(tensor.dims[-1]), of_pieces=len(tensor.dims) > 1)
        answer = ModelInferResponse(model_name=request.model_name, model_version=request.model_version, id=request.id)
        answer.outputs.add(name=tensor.name, datatype="FP32", shape=output.shape)
        answer.raw_output_contents.append(output.tobytes())
        await asyncio.sleep(due - loop.time())
        return answer

    async def _configuration(self, name: str, version: str, context: Any) -> Any:
        found = self._configurations.get(name)
        if found is None or (version and int(version) not in _versions(found)):
            await context.abort(grpc.StatusCode.NOT_FOUND, f"{name} {version} is not served")
        return found


def made_up(inputs: Mapping[str, NDArray[np.int32]], width: int, *, of_pieces: bool) -> NDArray[np.float32]:
    """A logit [rows, 1], or emissions [rows, pieces, width]. Padding, and other rows, change nothing.

    `inputs`: `input_ids` [rows, pieces], padded with 0, and `lengths` [rows, 1].
    """
    ids = inputs["input_ids"]
    if not of_pieces:
        # Neighbouring sums fall far apart (multiplicative hashing, Knuth).
        hashed = ids.sum(axis=1, dtype=np.uint64) * np.uint64(2_654_435_761) >> np.uint64(16)
        reports = hashed % np.uint64(ONE_IN) == 0
        return np.where(reports, _SURE, -_SURE).astype(np.float32)[:, None]
    emissions = np.zeros((*ids.shape, width), dtype=np.float32)
    emissions[:, :, OUTSIDE::TAGS] = _SURE
    # The first type is the reaction; the piece in the middle may be in the middle of a word, then the post has none.
    middle = inputs["lengths"][:, 0] // 2
    emissions[np.arange(len(ids)), middle, BEGIN] = 2 * _SURE
    return emissions


def _inputs(request: Any) -> dict[str, NDArray[np.int32]]:
    """The tensors that answers depend on."""
    return {
        tensor.name: np.frombuffer(raw, dtype=np.int32).reshape(tuple(tensor.shape))
        for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True)
        if tensor.name in ("input_ids", "lengths")
    }


def _versions(configuration: Any) -> list[int]:
    return list(configuration.version_policy.specific.versions)


def configurations(repository: Path) -> dict[str, Any]:
    """The configuration of each model, by name."""
    return {
        file.parent.name: text_format.Parse(file.read_text(encoding="utf-8"), ModelConfig())
        for file in sorted(repository.glob("*/config.pbtxt"))
    }


@contextlib.contextmanager
def fixed_triton(context: Context, repository: Path, milliseconds: float = MILLISECONDS) -> Iterator[str]:
    """Such a server in a process of its own; gives its host:port. Raises AdrwatchError if it does not start."""
    options = ("--milliseconds", str(milliseconds), "--repository", str(repository))
    command = [sys.executable, "-m", "tests.benchmarks.fixed_triton", *options]
    process = Process("fixed-triton", command, context.log("fixed-triton"), {"PYTHONPATH": str(PACKAGE_ROOT)})
    try:
        waited = 0.0
        while not (address := process.output().partition("\n")[0]).startswith(HOST):
            if process.poll() is not None or waited > _PATIENCE:
                raise AdrwatchError(
                    f"the server with fixed answers did not start: {telling_line(process.output())}",
                    fix=f"see {process.log}",
                )
            context.sleep(0.05)
            waited += 0.05
        yield address
    finally:
        process.stop(1)


async def serve(repository: Path, milliseconds: float, port: int) -> None:
    """Print the address and serve until the process is ended."""
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)])
    add_GRPCInferenceServiceServicer_to_server(FixedTriton(configurations(repository), milliseconds / 1000), server)
    chosen = server.add_insecure_port(f"{HOST}:{port}")
    await server.start()
    print(f"{HOST}:{chosen}", flush=True)
    await server.wait_for_termination()


def main() -> None:
    """Be the server."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--milliseconds", type=float, default=MILLISECONDS)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--repository", type=Path, default=PACKAGE_ROOT / "triton_models")
    chosen = parser.parse_args()
    asyncio.run(serve(chosen.repository, chosen.milliseconds, chosen.port))


if __name__ == "__main__":
    main()

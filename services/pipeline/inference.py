"""Calls to the models that Triton serves, over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from shared import metrics, traces
from shared.errors import DependencyAway
from shared.health import HEALTH
from shared.models import classifier, extractor
from shared.models.metadata import Metadata, check_served
from shared.triton_security import TritonAddress

Arrays = Mapping[str, NDArray[Any]]
TRITON = "triton"
TRITON_FIX = "see that it runs and serves the active version: `adrwatch models list`; posts wait meanwhile"
# Far beyond any batch, so that only a server that hangs is cut off.
TIMEOUT = 30.0
# Loading a large graph once for each instance.
LOAD_TIMEOUT = 300.0
# Of an instance among two that is broken, four requests in a row meet it while four canaries do not once in 256 times, and then the
# batch is halved and asked again.
_TRIES = 4
# No model gives a number beyond those that half precision has.
_MOST = 65_504.0
# A server that has not answered for so long is asked whether it lives: one that is busy says so at once, over the same connection.
# On one that died without a word there is no answer, and gRPC's own pings were seen to notice it after a minute.
_SILENCE = 5.0
# A server that comes back is found within a second or two: by default gRPC waits for up to two minutes. A new connection is a new
# one: by default it would share that of an old client.
_CHANNEL = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 3_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)
# What a server says that is not there, is full, or is just loading the model: the batch is not at fault.
_AWAY = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.CANCELLED,
}


class WrongAnswer(InferenceServerException):  # type: ignore[misc]
    """The server answered with what no model says."""


class Triton:
    """A connection to one version of the models that a Triton serves, for one event loop.

    `numbers`: versions of models that have others, by name.

    A failed call leaves open whether the server or the batch is at fault (a backend process that was killed answers like a bad
    request), and so does an answer that is no number or has another shape. A canary decides: `canaries` holds per model the inputs
    of a harmless post; if they fail too, the server is away. As one of several instances of a model may be broken, the batch is
    blamed only where it fails again and again while its canary does not.
    """

    def __init__(
        self,
        server: TritonAddress,
        number: int,
        canaries: Mapping[str, Arrays],
        numbers: Mapping[str, int] | None = None,
    ) -> None:
        self._server = server
        self._number = number
        self._numbers = numbers or {}
        self._canaries = canaries
        self._client: InferenceServerClient | None = None

    async def infer(self, model: str, inputs: Arrays) -> Arrays:
        """Run one request and return all outputs by name.

        Raises DependencyAway if the server does not have the version or does not answer a canary either,
        InferenceServerException if it is the request.
        """
        left = _TRIES
        while True:
            left -= 1
            try:
                return await self._call(model, inputs)
            except InferenceServerException as error:
                if _code(error) in _AWAY:
                    raise await away(self._server, model, error) from error
                try:
                    await self._call(model, self._canaries[model])
                except InferenceServerException as canary:
                    raise await away(self._server, model, canary) from error
                if not left:
                    raise

    async def canary(self) -> None:
        """Ask about a harmless post. Raises DependencyAway."""
        model, inputs = next(iter(self._canaries.items()))
        try:
            await self._call(model, inputs)
        except InferenceServerException as error:
            raise await away(self._server, model, error) from error

    async def _call(self, model: str, inputs: Arrays) -> Arrays:
        if self._client is None:
            self._client = InferenceServerClient(self._server.url, channel_args=_CHANNEL, **self._server.options)
        tensors = []
        for name, array in inputs.items():
            tensor = InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
            tensor.set_data_from_numpy(np.ascontiguousarray(array))
            tensors.append(tensor)
        number = self._numbers.get(model, self._number)
        called = traces.call(f"infer {model}", rpc_system="grpc", adrwatch_model=model, adrwatch_model_version=number)
        with metrics.INFERENCE_SECONDS.labels(model).time(), called:
            answer = await self._answer(self._client, model, number, tensors)
        try:
            outputs = {output.name: answer.as_numpy(output.name) for output in answer.get_response().outputs}
        except ValueError as error:
            raise WrongAnswer(f"{model} answers with fewer bytes than it says") from error
        _check(model, inputs, outputs)
        HEALTH.answered(TRITON)
        return outputs

    async def _answer(self, client: Any, model: str, number: int, tensors: list[Any]) -> Any:
        """The answer over a connection that lives; one that does not is let go of."""
        # Triton goes on with the trace where it is started with --trace-config mode=opentelemetry.
        headers = {name: value.decode() for name, value in traces.current()} or None
        call = client.infer(model, tensors, str(number), client_timeout=TIMEOUT, headers=headers)
        asked = asyncio.ensure_future(call)
        try:
            while not (await asyncio.wait({asked}, timeout=_SILENCE))[0]:
                await client.is_server_live(client_timeout=_SILENCE)
            return asked.result()
        except InferenceServerException as error:
            # Others may still wait for it: whoever is the last of them closes it.
            if _code(error) in _AWAY and self._client is client:
                self._client = None
            raise
        finally:
            asked.cancel()

    async def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            await self._client.close()
            self._client = None


def _check(model: str, inputs: Arrays, outputs: Arrays) -> None:
    """Raise WrongAnswer unless every output has the inputs' rows and positions, and finite numbers within bounds."""
    shape = inputs["input_ids"].shape
    # Models of other languages have these names with a suffix.
    wanted = classifier.OUTPUT if model.startswith(classifier.NAME) else extractor.OUTPUT
    if wanted not in outputs:
        raise WrongAnswer(f"{model} does not answer {wanted}")
    for name, array in outputs.items():
        places = array.ndim - 1
        if array.shape[:places] != shape[:places]:
            raise WrongAnswer(f"{model} answers {name} of shape {array.shape} to inputs of {shape}")
        # A comparison with what is no number is false.
        if not np.all(np.abs(array) <= _MOST):
            raise WrongAnswer(f"{model} answers {name} with what is no number, or beyond all bounds")


async def check_models(server: TritonAddress, number: int, expected: Sequence[Metadata]) -> None:
    """Compare version `number` of the models that Triton serves with the metadata of this program's repository.

    Raises DependencyAway while a model is not served in this version, ModelMismatch where it is another one.
    """
    async with InferenceServerClient(server.url, **server.options) as client:
        for metadata in expected:
            try:
                answer = await client.get_model_config(metadata.name, str(number), as_json=True, client_timeout=TIMEOUT)
            except InferenceServerException as error:
                raise await away(server, metadata.name, error) from error
            parameters = answer["config"].get("parameters", {})
            check_served(metadata, number, {key: value.get("string_value", "") for key, value in parameters.items()})


async def summon(server: TritonAddress, numbers: Mapping[str, int]) -> None:
    """Have the server load those of the models that it does not serve in these versions. Raises DependencyAway."""
    async with InferenceServerClient(server.url, **server.options) as client:
        for model, number in numbers.items():
            try:
                if not await client.is_model_ready(model, str(number), client_timeout=TIMEOUT):
                    await client.load_model(model, client_timeout=LOAD_TIMEOUT)
            except InferenceServerException as error:
                raise await away(server, model, error) from error


async def check_ready(server: TritonAddress, number: int, models: Iterable[str]) -> None:
    """Raises DependencyAway while one of the models is not ready in version `number`."""
    async with InferenceServerClient(server.url, **server.options) as client:
        for model in models:
            try:
                ready = await client.is_model_ready(model, str(number), client_timeout=TIMEOUT)
            except InferenceServerException as error:
                raise await away(server, model, error) from error
            if not ready:
                raise await away(server, model, InferenceServerException(f"version {number} is not ready"))
    HEALTH.answered(TRITON)


async def away(server: TritonAddress, model: str, error: InferenceServerException) -> DependencyAway:
    """The error to retry when Triton does not serve a model, or lets nobody in."""
    code = _code(error)
    why = f"does not serve {model}: {code.name if code else error.status() or error.message()}"
    said = await asyncio.to_thread(server.away, why)
    HEALTH.away(TRITON, said.message)
    return said


def _code(error: InferenceServerException) -> grpc.StatusCode | None:
    name = str(error.status() or "").removeprefix("StatusCode.")
    return grpc.StatusCode[name] if name in grpc.StatusCode.__members__ else None

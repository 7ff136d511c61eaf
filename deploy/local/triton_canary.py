"""Asks each model of a Triton server for a real answer: readiness alone stays true when a model's process is dead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import tritonclient.grpc as grpc
from tritonclient.utils import InferenceServerException, np_to_triton_dtype, triton_to_np_dtype

from shared.errors import DependencyAway

CALL_TIMEOUT = 20.0  # seconds; a canary waits behind the batches in the queue
# An operator's own unload, as the repository index words it: nothing to mend.
UNLOADED = "unloaded"


class CanaryError(DependencyAway):
    """A model does not answer. `timed_out` tells a model that may only be busy from one that is broken."""

    def __init__(self, model: str, error: InferenceServerException) -> None:
        super().__init__(f"model {model} does not answer: {error.message()}")
        self.model = model
        self.timed_out = "DEADLINE_EXCEEDED" in str(error.status())


@contextmanager
def connected(address: str, options: Mapping[str, Any] | None = None) -> Iterator[grpc.InferenceServerClient]:
    """A gRPC client of the server at host:port. Server errors become DependencyAway. `options` say how it is encrypted."""
    client = grpc.InferenceServerClient(address, **(options or {}))
    try:
        yield client
    except InferenceServerException as error:
        raise DependencyAway(f"triton at {address}: {error.message()}") from error
    finally:
        client.close()


def served_models(client: grpc.InferenceServerClient) -> list[str]:
    """Names of the models that should answer, including those that failed to load.

    Models that an operator has unloaded, or is loading or unloading now, are none of them.
    """
    index = client.get_model_repository_index(client_timeout=CALL_TIMEOUT, as_json=True).get("models", [])
    return sorted(
        {
            model["name"]
            for model in index
            if model.get("state") in ("READY", "UNAVAILABLE") and model.get("reason") != UNLOADED
        }
    )


def ask(client: grpc.InferenceServerClient, model: str) -> None:
    """One inference on zeros, every open dimension 1. Raises CanaryError."""
    try:
        metadata = client.get_model_metadata(model, client_timeout=CALL_TIMEOUT, as_json=True)
        client.infer(model, [_zeros(tensor) for tensor in metadata["inputs"]], client_timeout=CALL_TIMEOUT)
    except InferenceServerException as error:
        raise CanaryError(model, error) from error


def _zeros(tensor: dict[str, Any]) -> grpc.InferInput:
    shape = [max(int(size), 1) for size in tensor["shape"]]
    dtype = triton_to_np_dtype(tensor["datatype"])
    array = np.full(shape, b"", dtype=np.object_) if dtype is np.object_ else np.zeros(shape, dtype=dtype)
    value = grpc.InferInput(tensor["name"], shape, np_to_triton_dtype(array.dtype))
    value.set_data_from_numpy(array)
    return value


def revive(client: grpc.InferenceServerClient, model: str) -> None:
    """Start a model's process anew (explicit model control). Raises CanaryError if it still does not answer."""
    try:
        client.unload_model(model)
        client.load_model(model)
    except InferenceServerException as error:
        raise CanaryError(model, error) from error
    ask(client, model)

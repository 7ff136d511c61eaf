"""What is asked of a Triton server with explicit model control: which versions it has, load these, answer the canaries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.grpc as grpc
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from shared.errors import AdrwatchError
from shared.models.configuration import MODELS, Features, parameters
from shared.models.features import Inputs
from shared.models.release import answers, differences, read_release
from shared.text.parse import default_parser
from shared.triton_security import TritonAddress

# Seconds. Loading builds the graph once for each instance; TensorRT may take minutes for it.
LOAD_TIMEOUT = 600.0
_TIMEOUT = 30.0


class Server:
    """One server. Every method raises DependencyAway where it does not answer or refuses."""

    def __init__(self, triton: TritonAddress, client: grpc.InferenceServerClient) -> None:
        self.address = triton.url
        self._triton = triton
        self._client = client

    def loaded(self, model: str) -> set[int]:
        """The versions that are ready."""
        with self._answers():
            index = self._client.get_model_repository_index(client_timeout=_TIMEOUT, as_json=True).get("models", [])
        return {int(one["version"]) for one in index if one["name"] == model and one.get("state") == "READY"}

    def serve(self, model: str, versions: Mapping[int, Features]) -> None:
        """Serve these versions side by side, from the server's present configuration; returns when all are ready.

        The server goes on answering meanwhile: it changes over when the new state is ready, and keeps the old one when that
        fails. Nothing is written.
        """
        with self._answers():
            config = self._client.get_model_config(model, client_timeout=_TIMEOUT, as_json=True)["config"]
        config["version_policy"] = {"specific": {"versions": [str(number) for number in sorted(versions)]}}
        own = {key: {"string_value": value} for key, value in parameters(versions).items()}
        config["parameters"] = {**config.get("parameters", {}), **own}
        with self._answers():
            self._client.load_model(model, config=json.dumps(config), client_timeout=LOAD_TIMEOUT)

    def reload(self, model: str) -> None:
        """Serve what the files of the model say; versions that they do not name are let go of."""
        with self._answers():
            self._client.load_model(model, client_timeout=LOAD_TIMEOUT)

    def inferences(self, model: str, number: int) -> int:
        """How many rows a version has answered since it was loaded."""
        with self._answers():
            found = self._client.get_inference_statistics(model, str(number), client_timeout=_TIMEOUT, as_json=True)
        return sum(int(one.get("inference_count", 0)) for one in found.get("model_stats", []))

    def canaries(self, features: Features, folder: Path, number: int) -> list[str]:
        """How the server's answers to the canaries of a version differ from those that were recorded."""
        name = features.metadata.name

        def infer(inputs: Inputs) -> Mapping[str, NDArray[Any]]:
            with self._answers():
                answer = self._client.infer(name, _tensors(inputs), str(number), client_timeout=_TIMEOUT)
            return {one.name: answer.as_numpy(one.name) for one in answer.get_response().outputs}

        expected = read_release(folder).canaries
        posts = [canary.text for canary in expected]
        return differences(expected, answers(features, infer, posts, default_parser()))

    @contextmanager
    def _answers(self) -> Iterator[None]:
        """What goes wrong with a call is DependencyAway with this server's address and its own reason."""
        try:
            yield
        except InferenceServerException as error:
            found = self._triton.away(f"does not answer: {str(error.message()).splitlines()[0]}")
            raise type(found)(found.message, fix=f"{found.fix}; --offline changes files only") from error


def _tensors(inputs: Inputs) -> list[grpc.InferInput]:
    tensors = []
    for name, array in inputs.items():
        tensor = grpc.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
        tensor.set_data_from_numpy(np.ascontiguousarray(array))
        tensors.append(tensor)
    return tensors


@contextmanager
def connected(triton: TritonAddress) -> Iterator[Server]:
    """The server there."""
    client = grpc.InferenceServerClient(triton.url, **triton.options)
    try:
        yield Server(triton, client)
    finally:
        client.close()


def reachable(triton: TritonAddress) -> dict[str, set[int]] | None:
    """The versions that are ready by model, or None where no server answers."""
    try:
        with connected(triton) as server:
            return {model: server.loaded(model) for model in MODELS}
    except AdrwatchError:
        return None

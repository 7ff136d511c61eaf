from __future__ import annotations

from typing import Any

import pytest
from tritonclient.utils import InferenceServerException

from deploy.local.triton_canary import CanaryError, ask, served_models


class FakeClient:
    """Answers like Triton's gRPC client; `fault` is what an inference raises."""

    def __init__(self, fault: InferenceServerException | None = None) -> None:
        self.fault = fault
        self.inputs: list[Any] = []

    def get_model_repository_index(self, **_: object) -> dict[str, Any]:
        return {
            "models": [
                {"name": "good", "version": "1", "state": "READY"},
                {"name": "broken", "version": "1", "state": "UNAVAILABLE", "reason": "no such file"},
                {"name": "off", "version": "1", "state": "UNAVAILABLE", "reason": "unloaded"},
                {"name": "coming", "version": "1", "state": "LOADING"},
                {"name": "never"},
            ]
        }

    def get_model_metadata(self, *_: object, **__: object) -> dict[str, Any]:
        return {
            "inputs": [
                {"name": "ids", "datatype": "INT64", "shape": ["-1", "-1"]},
                {"name": "text", "datatype": "BYTES", "shape": ["-1", "3"]},
            ]
        }

    def infer(self, _model: str, inputs: list[Any], **_: object) -> None:
        self.inputs = inputs
        if self.fault:
            raise self.fault


def test_models_that_should_answer_include_the_broken_and_not_the_unloaded() -> None:
    assert served_models(FakeClient()) == ["broken", "good"]


def test_the_canary_fits_any_model() -> None:
    client = FakeClient()
    ask(client, "good")
    assert [(tensor.name(), tensor.datatype(), tensor.shape()) for tensor in client.inputs] == [
        ("ids", "INT64", [1, 1]),
        ("text", "BYTES", [1, 3]),
    ]


@pytest.mark.parametrize(
    ("status", "timed_out"), [("StatusCode.DEADLINE_EXCEEDED", True), ("StatusCode.INTERNAL", False)]
)
def test_a_slow_model_is_told_from_a_broken_one(status: str, timed_out: bool) -> None:
    with pytest.raises(CanaryError, match="model good does not answer: why") as caught:
        ask(FakeClient(InferenceServerException("why", status=status)), "good")
    assert caught.value.timed_out is timed_out

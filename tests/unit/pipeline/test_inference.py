"""What a model server may answer: numbers of the right shape, or it is at fault and not the post."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import numpy as np
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

from services.pipeline import inference
from services.pipeline.inference import Triton
from shared.errors import DependencyAway
from shared.models.classifier import NAME, OUTPUT
from shared.triton_security import TritonAddress
from tests.faults.suite.proxy import Proxy

CANARY = {"input_ids": np.zeros((1, 8), dtype=np.int32)}
BATCH = {"input_ids": np.zeros((3, 8), dtype=np.int32)}
Answer = Callable[[int], np.ndarray]


class Server(service_pb2_grpc.GRPCInferenceServiceServicer):
    """Answers with the logits that `answer` gives for so many rows; `asked` are the rows of each request."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[int] = []

    def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802 - as the service calls it
        rows = request.inputs[0].shape[0]
        self.asked.append(rows)
        logits = self.answer(rows).astype(np.float32)
        response = service_pb2.ModelInferResponse(model_name=NAME)
        response.outputs.add(name=OUTPUT, datatype="FP32", shape=logits.shape)
        response.raw_output_contents.append(logits.tobytes())
        return response

    def ServerLive(self, request: Any, context: Any) -> Any:  # noqa: N802 - as the service calls it
        return service_pb2.ServerLiveResponse(live=True)


@contextmanager
def served(answer: Answer) -> Iterator[tuple[Server, str]]:
    servicer = Server(answer)
    server = grpc.server(ThreadPoolExecutor(2))
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield servicer, f"127.0.0.1:{port}"
    finally:
        server.stop(0)


async def asked(url: str) -> np.ndarray:
    connection = Triton(TritonAddress(url), 1, {NAME: CANARY})
    try:
        return np.asarray((await connection.infer(NAME, BATCH))[OUTPUT])
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "answer",
    [
        lambda rows: np.full((rows, 1), np.nan),
        lambda rows: np.full((rows, 1), -np.inf),
        lambda rows: np.full((rows, 1), 1e30),
        lambda rows: np.zeros((rows + 1, 1)),
        lambda rows: np.zeros((rows - 1, 1)),
    ],
    ids=["no number", "infinite", "absurd", "a row too many", "a row too few"],
)
async def test_a_server_that_says_what_no_model_says_is_away(answer: Answer) -> None:
    with served(answer) as (_, url):
        with pytest.raises(DependencyAway):
            await asked(url)


async def test_one_wrong_answer_among_right_ones_is_asked_for_again() -> None:
    broken = iter([True])
    with served(lambda rows: np.full((rows, 1), np.nan if next(broken, False) else 0.5)) as (server, url):
        np.testing.assert_array_equal(await asked(url), np.full((3, 1), 0.5))
    assert server.asked == [3, 1, 3]


async def test_posts_are_to_blame_only_where_they_fail_again_and_again_beside_a_canary_that_does_not() -> None:
    with served(lambda rows: np.full((rows, 1), 0.5 if rows == 1 else np.nan)) as (server, url):
        with pytest.raises(InferenceServerException, match="no number"):
            await asked(url)
    assert server.asked == [3, 1] * 4


async def test_a_connection_that_died_without_a_word_is_noticed_and_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "_SILENCE", 0.3)
    with served(lambda rows: np.full((rows, 1), 0.5)) as (_, url):
        proxy = Proxy(lambda: ("127.0.0.1", int(url.rpartition(":")[2])), random.Random(1))
        connection = Triton(TritonAddress(proxy.address), 1, {NAME: CANARY})
        await connection.infer(NAME, BATCH)
        proxy.kill_quietly()
        with pytest.raises(DependencyAway):
            await connection.infer(NAME, BATCH)
        np.testing.assert_array_equal((await connection.infer(NAME, BATCH))[OUTPUT], np.full((3, 1), 0.5))
        await connection.close()
        proxy.close()


async def test_a_server_that_is_slow_and_lives_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "_SILENCE", 0.1)
    answered = threading.Event()

    def slow(rows: int) -> np.ndarray:
        answered.wait(1.0)
        return np.full((rows, 1), 0.5)

    with served(slow) as (server, url):
        np.testing.assert_array_equal(await asked(url), np.full((3, 1), 0.5))
        answered.set()
    assert server.asked == [3]

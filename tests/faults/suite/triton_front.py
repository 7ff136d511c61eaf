"""Stands before Triton and hands every call on as it is; answers to inferences may come late, or say something wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
from tritonclient.grpc import service_pb2

_INFER = "/inference.GRPCInferenceService/ModelInfer"
_PATIENCE = 60.0
_OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]

Change = Callable[[Any], None]


class TritonFront(grpc.GenericRpcHandler):
    """A server of gRPC on a port of its own. `address`: host:port of Triton, asked at every call."""

    def __init__(self, address: Callable[[], str]) -> None:
        self.slow = 0.0
        self.change: Change | None = None
        self._address = address
        self._channels: dict[str, grpc.Channel] = {}
        self._lock = threading.Lock()
        self._server = grpc.server(ThreadPoolExecutor(16, thread_name_prefix="front"), options=_OPTIONS)
        self._server.add_generic_rpc_handlers((self,))
        self.port: int = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """See grpc.GenericRpcHandler: every method is one request and one answer, in bytes."""

        def call(request: bytes, context: grpc.ServicerContext) -> bytes:
            onward = self._channel().unary_unary(details.method)
            try:
                answer = onward(request, timeout=min(_PATIENCE, context.time_remaining() or _PATIENCE))
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())
            return self._altered(answer) if details.method == _INFER else answer

        return grpc.unary_unary_rpc_method_handler(call)

    def close(self) -> None:
        """Stop serving."""
        self._server.stop(0)
        for channel in self._channels.values():
            channel.close()

    def _channel(self) -> grpc.Channel:
        address = self._address()
        with self._lock:
            if address not in self._channels:
                options = [
                    *_OPTIONS,
                    ("grpc.max_reconnect_backoff_ms", 500),
                    ("grpc.initial_reconnect_backoff_ms", 100),
                ]
                self._channels[address] = grpc.insecure_channel(address, options=options)
            return self._channels[address]

    def _altered(self, answer: bytes) -> bytes:
        if self.slow:
            time.sleep(self.slow)
        change = self.change
        if change is None:
            return answer
        parsed = service_pb2.ModelInferResponse.FromString(answer)
        change(parsed)
        return parsed.SerializeToString()


def _numbers(answer: Any, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Change the numbers of every output."""
    for place, output in enumerate(answer.outputs):
        kind = {"FP32": np.float32, "FP16": np.float16}.get(output.datatype)
        if kind is not None:
            answer.raw_output_contents[place] = change(
                np.frombuffer(answer.raw_output_contents[place], dtype=kind).copy()
            ).tobytes()


def not_numbers(answer: Any) -> None:
    """A half of all numbers is none."""

    def spoil(numbers: np.ndarray) -> np.ndarray:
        numbers[::2] = np.nan
        return numbers

    _numbers(answer, spoil)


def absurd_numbers(answer: Any) -> None:
    """Numbers that no model gives."""
    _numbers(answer, lambda numbers: np.full_like(numbers, 1e30 if numbers.dtype == np.float32 else np.inf))


def wrong_shape(answer: Any) -> None:
    """One row too few of every output."""
    for place, output in enumerate(answer.outputs):
        rows = output.shape[0]
        whole = answer.raw_output_contents[place]
        output.shape[0] = rows - 1
        answer.raw_output_contents[place] = whole[: len(whole) // rows * (rows - 1)]

"""Serves stock `backend: "onnxruntime"` models on a CPU, where Triton's own onnxruntime backend is not to be had.

Triton's Python backend runs one copy per model instance. It opens `<version>/model.onnx` (or `default_model_filename`)
and maps tensors by the names in the model's configuration; a failing request is answered with its error.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb


class TritonPythonModel:
    """One instance: one session with one thread, because instances, not threads, share the cores."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the model. An error here makes Triton refuse the model with this error."""
        config = json.loads(args["model_config"])
        file = config.get("default_model_filename") or "model.onnx"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # Spinning threads take the cores from the other instances while they wait.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        path = Path(args["model_repository"]) / args["model_version"] / file
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs = [tensor["name"] for tensor in config["input"]]
        self.outputs = [(tensor["name"], pb.triton_string_to_numpy(tensor["data_type"])) for tensor in config["output"]]
        missing = {name for name, _ in self.outputs} - {tensor.name for tensor in self.session.get_outputs()}
        missing |= set(self.inputs) - {tensor.name for tensor in self.session.get_inputs()}
        if missing:
            raise pb.TritonModelException(f"{file} has no tensors named {', '.join(sorted(missing))}")

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request by itself."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        try:
            feed = {name: pb.get_input_tensor_by_name(request, name).as_numpy() for name in self.inputs}
            wanted = set(request.requested_output_names())
            outputs = [(name, kind) for name, kind in self.outputs if name in wanted]
            arrays = self.session.run([name for name, _ in outputs], feed)
            tensors = [
                pb.Tensor(name, np.ascontiguousarray(array, dtype=kind))
                for (name, kind), array in zip(outputs, arrays, strict=True)
            ]
            return pb.InferenceResponse(output_tensors=tensors)
        except Exception as error:  # noqa: BLE001  (one request's error must not end the instance)
            return pb.InferenceResponse(error=pb.TritonError(f"{type(error).__name__}: {error}"))

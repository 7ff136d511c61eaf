"""Runs models of the Triton repository in this process with onnxruntime: back-tests, evaluation, tests.

Options are those of the local Triton backend, so that both give the same numbers.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from shared.errors import AdrwatchError
from shared.models.repository import GRAPH, version_folder

# Seconds. A thread whose model is done has to ask the thread that parses for the interpreter; with Python's own 5 ms, a core stood
# idle meanwhile (measured: 8 % of the throughput of a back-test on two cores).
_SWITCH_INTERVAL = 0.0005
_FIX = "mend ADRWATCH_MODEL_REPOSITORY, restore triton_models/ from git, or run `adrwatch models export`"


class OnnxModel:
    """One loaded graph; one thread, so that cores can be shared by several."""

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise AdrwatchError(
                f"no model at {file}",
                fix=_FIX,
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has an error class of its own for each code, with no common ancestor
            reason = str(error).splitlines()[0]
            raise AdrwatchError(f"{file} is no graph that onnxruntime runs: {reason}", fix=_FIX) from error
        self._outputs = [output.name for output in self._session.get_outputs()]

    @classmethod
    def of_folder(cls, folder: Path) -> OnnxModel:
        """The graph in a version's folder; of a model's folder, that of the active version."""
        return cls(version_folder(folder) / GRAPH)

    @property
    def tensors(self) -> list[tuple[str, str, tuple[int, ...]]]:
        """Inputs, then outputs: name, type as onnxruntime names it, dimensions without the rows (-1: any size)."""
        return [
            (tensor.name, tensor.type, tuple(size if isinstance(size, int) else -1 for size in tensor.shape[1:]))
            for tensor in (*self._session.get_inputs(), *self._session.get_outputs())
        ]

    def infer(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Outputs by name for one batch. May be called from several threads at once."""
        values = self._session.run(self._outputs, dict(inputs))
        return {name: np.asarray(value) for name, value in zip(self._outputs, values, strict=True)}


class ModelPool:
    """The models of a repository, run by `threads` threads of this process: as many requests at once, one thread for each.

    Stands in for Triton, whose instances share out the requests of a batch in the same way.
    """

    def __init__(self, repository: Path, numbers: Mapping[str, int], threads: int) -> None:
        """Loads the version of each model by its name. Raises AdrwatchError where one is missing."""
        self._models = {name: OnnxModel(repository / name / str(number) / GRAPH) for name, number in numbers.items()}
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="model")

    def __enter__(self) -> Self:
        self._switch_interval = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_INTERVAL)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(cancel_futures=True)
        sys.setswitchinterval(self._switch_interval)

    async def infer(self, model: str, inputs: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        """Outputs by name for one batch of a model."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._models[model].infer, inputs)

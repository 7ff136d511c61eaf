"""Runs models of the Triton repository in this process with onnxruntime: back-tests, evaluation, tests.

Options are those of the local Triton backend, so that both give the same numbers.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from shared.errors import AdrwatchError

# Seconds. A thread whose model is done has to ask the thread that parses for the interpreter; with Python's own 5 ms, a core stood
# idle meanwhile (measured: 8 % of the throughput of a back-test on two cores).
_SWITCH_INTERVAL = 0.0005


class OnnxModel:
    """One loaded graph; one thread, so that cores can be shared by several."""

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise AdrwatchError(
                f"no model at {file}",
                fix="mend ADRWATCH_MODEL_REPOSITORY, restore triton_models/ from git, or run `adrwatch train export`",
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self._outputs = [output.name for output in self._session.get_outputs()]

    @classmethod
    def of_folder(cls, folder: Path) -> OnnxModel:
        """The newest version in a folder of the Triton repository (`folder/<version>/model.onnx`)."""
        versions = sorted((int(path.name) for path in folder.glob("[0-9]*") if path.is_dir()), reverse=True)
        return cls(folder / str(versions[0] if versions else 1) / "model.onnx")

    def infer(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Outputs by name for one batch. May be called from several threads at once."""
        values = self._session.run(self._outputs, dict(inputs))
        return {name: np.asarray(value) for name, value in zip(self._outputs, values, strict=True)}


class ModelPool:
    """The models of a repository, run by `threads` threads of this process: as many requests at once, one thread for each.

    Stands in for Triton, whose instances share out the requests of a batch in the same way.
    """

    def __init__(self, repository: Path, names: Iterable[str], threads: int) -> None:
        """Loads the models. Raises AdrwatchError where one is missing."""
        self._models = {name: OnnxModel.of_folder(repository / name) for name in names}
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

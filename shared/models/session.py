"""Runs a model of the Triton repository in this process with onnxruntime: back-tests, evaluation, tests.

Options are those of the local Triton backend, so that both give the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from shared.errors import AdrwatchError


class OnnxModel:
    """One loaded graph; one thread, so that cores can be shared by several."""

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise AdrwatchError(
                f"no model at {file}", fix="restore triton_models/ from git, or run `adrwatch train export`"
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
        """Outputs by name for one batch."""
        values = self._session.run(self._outputs, dict(inputs))
        return {name: np.asarray(value) for name, value in zip(self._outputs, values, strict=True)}

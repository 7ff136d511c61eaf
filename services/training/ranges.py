"""Between which values the inputs of a network's large products lie, measured on posts: what fixed 8-bit scales are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, helper

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Range:
    """The least and the largest value of each channel of a tensor."""

    low: Floats
    high: Floats

    def joined(self, other: Range) -> Range:
        """What holds both."""
        return Range(np.minimum(self.low, other.low), np.maximum(self.high, other.high))


def measured(
    model: ModelProto, tensors: Iterable[str], batches: Iterable[Mapping[str, NDArray[Any]]]
) -> dict[str, Range]:
    """Ranges of tensors [rows, pieces, channels] over all batches of the model's inputs; padding is left out."""
    names = list(tensors)
    if not names:
        return {}
    watched = ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    session = onnxruntime.InferenceSession(watched.SerializeToString(), providers=["CPUExecutionProvider"])
    found: dict[str, Range] = {}
    for batch in batches:
        seen = np.arange(batch["input_ids"].shape[1]) < batch["lengths"]
        for name, values in zip(names, session.run(names, dict(batch)), strict=True):
            pieces = np.asarray(values, dtype=np.float32)[seen]
            here = Range(pieces.min(axis=0), pieces.max(axis=0))
            found[name] = found[name].joined(here) if name in found else here
    return found

"""Weights in 8 bits: a scale for each column of a product, a scale for each row of a table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.int8]

_LEAST = 1e-8
_STEPS = 127.0


def by_column(weight: Floats) -> tuple[Bytes, Floats]:
    """[inputs, outputs] → the same in steps of the scales [outputs]."""
    scale = np.maximum(np.abs(weight).max(axis=0), _LEAST) / _STEPS
    return np.round(weight / scale).astype(np.int8), scale.astype(np.float32)


def by_row(table: Floats) -> tuple[Bytes, Floats]:
    """[rows, width] → the same in steps of the scales [rows, 1]."""
    scale = np.maximum(np.abs(table).max(axis=1, keepdims=True), _LEAST) / _STEPS
    return np.round(table / scale).astype(np.int8), scale.astype(np.float32)

"""Graphs of half precision: small, close, and the same to a client."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from services.training.half import halved
from tests.unit.training.test_graphs import GELU, NORMALISED, PLAIN, graph, run


@pytest.mark.parametrize("before", [PLAIN, GELU, NORMALISED], ids=["plain", "gelu", "normalised"])
def test_half_precision_stays_close_and_halves_the_graph(before: list[object]) -> None:
    exact, ids = graph(before), [0, 17, 1999, 3999]
    wanted = run(graph(before), ids)
    assert np.abs(run(halved(exact), ids) - wanted).max() < 0.01 * np.abs(wanted).max()
    assert len(halved(exact).SerializeToString()) < 0.6 * len(exact.SerializeToString())


def test_inputs_and_outputs_keep_their_types_and_the_graph_given_is_left_alone() -> None:
    exact = graph(NORMALISED)
    kept = exact.SerializeToString()
    half = halved(exact)
    assert [value.type.tensor_type.elem_type for value in half.graph.input] == [TensorProto.INT64]
    assert [value.type.tensor_type.elem_type for value in half.graph.output] == [TensorProto.FLOAT]
    assert exact.SerializeToString() == kept

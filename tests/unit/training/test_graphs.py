"""The 8-bit rewriting: close to the original, and each row by itself."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from services.training.graphs import quantised

ROWS, WIDTH, OUT = 6, 256, 48


def graph(table_rows: int = 4000) -> onnx.ModelProto:
    generator = np.random.default_rng(5)
    table = generator.normal(size=(table_rows, WIDTH)).astype(np.float32)
    weight = generator.normal(size=(WIDTH, OUT)).astype(np.float32)
    nodes = [helper.make_node("Gather", ["table", "ids"], ["x"]), helper.make_node("MatMul", ["x", "w"], ["y"])]
    return helper.make_model(
        helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("ids", TensorProto.INT64, ["rows"])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", OUT])],
            [numpy_helper.from_array(table, "table"), numpy_helper.from_array(weight, "w")],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )


def run(model: onnx.ModelProto, ids: list[int]) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["y"], {"ids": np.asarray(ids, dtype=np.int64)})[0])


def test_eight_bits_stay_close_and_shrink_the_graph() -> None:
    plain, small = graph(), quantised(graph())
    ids = [0, 17, 1999, 3999]
    exact = run(plain, ids)
    assert np.abs(run(small, ids) - exact).max() < 0.03 * np.abs(exact).max()
    assert len(small.SerializeToString()) < 0.3 * len(plain.SerializeToString())


def test_a_row_has_the_same_result_in_any_company() -> None:
    small = quantised(graph())
    together = run(small, [5, 6, 7, 8, 9, 10])
    for row, number in enumerate([5, 6, 7, 8, 9, 10]):
        np.testing.assert_array_equal(run(small, [number])[0], together[row])


def test_small_tables_keep_their_precision() -> None:
    names = {value.name for value in quantised(graph(table_rows=10)).graph.initializer}
    assert "table" in names
    assert "w" not in names

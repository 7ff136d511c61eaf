"""The 8-bit rewriting: close to the original, and each row by itself."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from services.training.graphs import quantised
from services.training.products import Products
from services.training.ranges import Range

WIDTH, OUT, TABLE = 256, 300, 4000
node = helper.make_node
# As exporters write a GELU of x.
GELU = [
    node("Div", ["x", "root"], ["x1"]),
    node("Erf", ["x1"], ["x2"]),
    node("Add", ["x2", "one"], ["x3"]),
    node("Mul", ["x", "x3"], ["x4"]),
    node("Mul", ["x4", "half"], ["read"]),
]
NORMALISED = [node("LayerNormalization", ["x", "gain", "shift"], ["read"], axis=-1)]
PLAIN = [node("Identity", ["x"], ["read"])]


def graph(before: list[onnx.NodeProto] = PLAIN, table_rows: int = TABLE) -> ModelProto:
    """ids → embedding x → `before` → read @ w + bias."""
    generator = np.random.default_rng(5)
    gain = np.ones(WIDTH)
    # Two channels are far louder than the rest, as in trained encoders.
    gain[[7, 99]] = 30.0
    constants = {
        "table": generator.normal(size=(table_rows, WIDTH)), "w": generator.normal(size=(WIDTH, OUT)),
        "bias": generator.normal(size=OUT), "gain": gain, "shift": generator.normal(size=WIDTH),
        "root": np.sqrt(2.0), "one": 1.0, "half": 0.5,
    }  # fmt: skip
    nodes = [
        node("Gather", ["table", "ids"], ["x"]),
        *before,
        node("MatMul", ["read", "w"], ["product"]),
        node("Add", ["bias", "product"], ["y"]),
    ]
    used = {name for one in nodes for name in one.input}
    return helper.make_model(
        helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("ids", TensorProto.INT64, ["rows"])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", OUT])],
            [numpy_helper.from_array(np.asarray(v, np.float32), name) for name, v in constants.items() if name in used],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )


def run(model: ModelProto, ids: list[int], output: str = "y") -> np.ndarray:
    if output != "y":
        model.graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run([output], {"ids": np.asarray(ids, dtype=np.int64)})[0])


def small(before: list[onnx.NodeProto]) -> ModelProto:
    """The graph in 8 bits, its ranges measured on its first hundred rows."""
    model = graph(before)
    seen = run(graph(before), list(range(100)), "read")
    ranges = {name: Range(seen.min(axis=0), seen.max(axis=0)) for name in Products(model).steady()}
    return quantised(model, ranges)


@pytest.mark.parametrize("before", [PLAIN, GELU, NORMALISED], ids=["plain", "gelu", "normalised"])
def test_eight_bits_stay_close_and_shrink_the_graph(before: list[onnx.NodeProto]) -> None:
    ids = [0, 17, 1999, 3999]
    exact = run(graph(before), ids)
    assert np.abs(run(small(before), ids) - exact).max() < 0.03 * np.abs(exact).max()
    assert len(small(before).SerializeToString()) < 0.3 * len(graph(before).SerializeToString())


@pytest.mark.parametrize("before", [PLAIN, GELU, NORMALISED], ids=["plain", "gelu", "normalised"])
def test_a_row_has_the_same_result_in_any_company(before: list[onnx.NodeProto]) -> None:
    model = small(before)
    together = run(model, [5, 6, 7, 8, 9, 10])
    for row, number in enumerate([5, 6, 7, 8, 9, 10]):
        np.testing.assert_array_equal(run(model, [number])[0], together[row])


def test_loud_channels_do_not_drown_the_others() -> None:
    model = graph(NORMALISED)
    seen = run(graph(NORMALISED), list(range(100)), "read")
    ids = list(range(200, 300))
    exact = run(graph(NORMALISED), ids)
    even = np.abs(run(quantised(model, {"read": Range(seen.min(axis=0), seen.max(axis=0))}), ids) - exact).mean()
    by_rows = np.abs(run(quantised(model, {}), ids) - exact).mean()
    assert even < 0.7 * by_rows


def test_only_what_is_steady_gets_fixed_scales_and_the_bias_goes_into_the_product() -> None:
    assert Products(graph(PLAIN)).steady() == Products(graph(GELU)).steady() == []
    assert Products(graph(NORMALISED)).steady() == ["read"]
    kinds = [one.op_type for one in small(NORMALISED).graph.node]
    assert "Add" not in kinds
    assert "ReduceMax" not in kinds
    assert [Products(graph(before)).gelu(graph(before).graph.node[-2]) for before in (PLAIN, GELU)] == [False, True]


def test_small_tables_keep_their_precision() -> None:
    names = {value.name for value in quantised(graph(table_rows=10), {}).graph.initializer}
    assert "table" in names
    assert "w" not in names

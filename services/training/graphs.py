"""Rewrites an ONNX graph for CPU: 8-bit weights, 8-bit matrix products with a scale of their own for every row.

A scale per row, not per tensor, keeps each word's result independent of the other words and posts of its batch
(dynamic per-tensor quantisation does not). One operator is onnxruntime's own: MatMulIntegerToFloat applies the weights'
scales while a product is still in the processor's cache; with standard operators that is two passes over memory.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper

# Smaller matrices gain nothing from 8 bits.
_SMALLEST_ROWS = 256
_SMALLEST_TABLE = 1_000_000
_CONTRIBUTED = "com.microsoft"


def quantised(model: ModelProto) -> ModelProto:
    """A copy of `model` with every large constant matrix product and embedding table in 8 bits."""
    rewriter = _Rewriter(model)
    nodes = [new for node in model.graph.node for new in rewriter.rewrite(node)]
    used = {name for node in nodes for name in node.input}
    constants = [value for value in rewriter.constants.values() if value.name in used]
    graph = helper.make_graph(nodes, model.graph.name, model.graph.input, model.graph.output, constants)
    operators = [*model.opset_import, helper.make_opsetid(_CONTRIBUTED, 1)]
    rewritten = helper.make_model(graph, opset_imports=operators, ir_version=model.ir_version)
    onnx.checker.check_model(rewritten)
    return rewritten


class _Rewriter:
    def __init__(self, model: ModelProto) -> None:
        self.constants = {value.name: value for value in model.graph.initializer}
        self._rows: dict[str, str] = {}
        for name, value in (("tiny", 1e-8), ("one", 1.0), ("steps", 127.0)):
            self._add(f"int8_{name}", np.asarray(value, dtype=np.float32))
        self._add("int8_middle", np.asarray(128, dtype=np.uint8))
        self._add("int8_all", np.asarray([-1], dtype=np.int64))

    def rewrite(self, node: NodeProto) -> Iterator[NodeProto]:
        """The node itself, or the nodes that take its place."""
        weight = self.constants.get(node.input[1]) if len(node.input) > 1 else None
        table = self.constants.get(node.input[0]) if node.op_type == "Gather" else None
        if node.op_type == "MatMul" and weight is not None and weight.dims[0] >= _SMALLEST_ROWS:
            yield from self._product(node, numpy_helper.to_array(weight))
        elif table is not None and int(np.prod(table.dims)) >= _SMALLEST_TABLE:
            yield from self._table(node, numpy_helper.to_array(table))
        else:
            yield node

    def _product(self, node: NodeProto, weight: NDArray[np.float32]) -> Iterator[NodeProto]:
        """x @ w ≈ (int8 product) * row scale of x * column scale of w."""
        source, name, out = node.input[0], node.input[1], node.output[0]
        if source not in self._rows:
            self._rows[source] = prefix = f"{source}_rows"
            yield from self._quantise_rows(source, prefix, weight.shape[0])
        prefix = self._rows[source]
        scale = np.maximum(np.abs(weight).max(axis=0), 1e-8) / 127.0
        self._add(f"{name}_int8", np.round(weight / scale).astype(np.int8))
        self._add(f"{name}_scale", scale.astype(np.float32))
        yield helper.make_node(
            "MatMulIntegerToFloat",
            [f"{prefix}_uint8", f"{name}_int8", "int8_one", f"{name}_scale", "int8_middle"],
            [f"{out}_rows"],
            name=f"{out}_int8",
            domain=_CONTRIBUTED,
        )
        yield helper.make_node("Mul", [f"{out}_rows", f"{prefix}_scale"], [out])

    def _quantise_rows(self, source: str, prefix: str, width: int) -> Iterator[NodeProto]:
        """Each row of `source` as unsigned 8-bit steps around 128, and the size of its step."""
        table = f"int8_width_{width}"
        self._add(table, np.asarray([-1, width], dtype=np.int64))
        middles = numpy_helper.from_array(np.asarray([128], dtype=np.uint8))
        # Two reductions only read; an absolute value would be written to memory first.
        yield helper.make_node("ReduceMax", [source], [f"{prefix}_max"], axes=[-1], keepdims=1)
        yield helper.make_node("ReduceMin", [source], [f"{prefix}_min"], axes=[-1], keepdims=1)
        yield helper.make_node("Neg", [f"{prefix}_min"], [f"{prefix}_low"])
        yield helper.make_node("Max", [f"{prefix}_max", f"{prefix}_low", "int8_tiny"], [f"{prefix}_top"])
        yield helper.make_node("Div", [f"{prefix}_top", "int8_steps"], [f"{prefix}_scale"])
        yield helper.make_node("Reshape", [f"{prefix}_scale", "int8_all"], [f"{prefix}_scales"])
        yield helper.make_node("Shape", [f"{prefix}_scales"], [f"{prefix}_count"])
        yield helper.make_node("ConstantOfShape", [f"{prefix}_count"], [f"{prefix}_middles"], value=middles)
        yield helper.make_node("Reshape", [source, table], [f"{prefix}_table"])
        yield helper.make_node(
            "QuantizeLinear", [f"{prefix}_table", f"{prefix}_scales", f"{prefix}_middles"], [f"{prefix}_flat"], axis=0
        )
        yield helper.make_node("Shape", [source], [f"{prefix}_shape"])
        yield helper.make_node("Reshape", [f"{prefix}_flat", f"{prefix}_shape"], [f"{prefix}_uint8"])

    def _table(self, node: NodeProto, table: NDArray[np.float32]) -> Iterator[NodeProto]:
        """An embedding table with one scale a row."""
        name, out = node.input[0], node.output[0]
        scale = np.maximum(np.abs(table).max(axis=1, keepdims=True), 1e-8) / 127.0
        self._add(f"{name}_int8", np.round(table / scale).astype(np.int8))
        self._add(f"{name}_scale", scale.astype(np.float32))
        yield helper.make_node("Gather", [f"{name}_int8", node.input[1]], [f"{out}_int8"])
        yield helper.make_node("Gather", [f"{name}_scale", node.input[1]], [f"{out}_scale"])
        yield helper.make_node("Cast", [f"{out}_int8"], [f"{out}_float"], to=onnx.TensorProto.FLOAT)
        yield helper.make_node("Mul", [f"{out}_float", f"{out}_scale"], [out])

    def _add(self, name: str, value: NDArray[np.generic]) -> None:
        self.constants[name] = numpy_helper.from_array(value, name)

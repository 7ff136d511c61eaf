"""Rewrites an ONNX graph for CPU: 8-bit weights, and 8-bit matrix products whose scales know nothing of the batch.

The activations of a product are quantised in one of three ways, none of which looks at another word or post (a scale per tensor
that is taken from the batch, as dynamic quantisation does, would):

- what a layer normalisation or an attention gives has fixed scales, measured on posts beforehand;
- before it gets its scale, the channels of a layer normalisation are made equally loud, and the weights take the difference: a
  few channels are far louder than the rest (SmoothQuant, Xiao et al. 2023, with strength 1/2);
- everything else gets a scale for each row; behind a GELU, which is never below -0.17, most of the steps go to its upper side.

One operator is onnxruntime's own: MatMulIntegerToFloat applies scales and bias while a product is still in the
processor's cache; with standard operators that is three more passes over memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper

from services.training.products import Products
from services.training.ranges import Floats, Range
from shared.models.eight_bits import by_column, by_row

# Smaller tables gain nothing from 8 bits.
_SMALLEST_TABLE = 1_000_000
_CONTRIBUTED = "com.microsoft"
_LEAST = 1e-5
# A GELU's lowest value, and the step of 256 that stands for zero: its negative side fills the steps below.
_GELU_LOW = 0.17
_GELU_ZERO = 16
_MIDDLE = 128
_STEPS = 255


def quantised(model: ModelProto, ranges: Mapping[str, Range]) -> ModelProto:
    """A copy of `model` with every large constant matrix product and embedding table in 8 bits.

    `ranges` are those of `Products(model).steady()`.
    """
    rewriter = _Rewriter(model, ranges)
    nodes = [new for node in model.graph.node for new in rewriter.rewrite(node)]
    used = {name for node in nodes for name in node.input}
    constants = [value for value in rewriter.constants.values() if value.name in used]
    graph = helper.make_graph(nodes, model.graph.name, model.graph.input, model.graph.output, constants)
    operators = [*model.opset_import, helper.make_opsetid(_CONTRIBUTED, 1)]
    rewritten = helper.make_model(graph, opset_imports=operators, ir_version=model.ir_version)
    onnx.checker.check_model(rewritten)
    return rewritten


class _Rewriter:
    def __init__(self, model: ModelProto, ranges: Mapping[str, Range]) -> None:
        self.constants = {value.name: value for value in model.graph.initializer}
        self._products = Products(model)
        self._ranges = ranges
        self._loudness: dict[str, Floats] = {}
        self._merged: set[str] = set()
        self._add("int8_one", np.asarray(1.0, dtype=np.float32))
        self._add("int8_all", np.asarray([-1], dtype=np.int64))

    def rewrite(self, node: NodeProto) -> Iterator[NodeProto]:
        """The nodes that take a node's place, often itself."""
        table = self.constants.get(node.input[0]) if node.op_type == "Gather" else None
        if node.output[0] in self._merged:
            return
        if self._products.large(node):
            fixed = node.input[0] in self._ranges
            yield from (self._fixed_product if fixed else self._row_product)(node)
        elif table is not None and int(np.prod(table.dims)) >= _SMALLEST_TABLE:
            yield from self._table(node, numpy_helper.to_array(table))
        else:
            yield node

    def _fixed_product(self, node: NodeProto) -> Iterator[NodeProto]:
        """x @ w + bias with one scale of x for all rows, known beforehand."""
        source, name, out = node.input[0], node.input[1], node.output[0]
        if source not in self._loudness:
            yield from self._quantise_fixed(node)
        weight = numpy_helper.to_array(self.constants[name]) * self._loudness[source][:, None]
        inputs = [f"{source}_uint8", *self._weight(name, weight, f"{source}_step"), f"{source}_zero"]
        bias = self._products.bias(node)
        if bias is not None:
            inputs, out = [*inputs, "", bias[0]], bias[1].output[0]
            self._merged.add(out)
        yield _product(inputs, out)

    def _quantise_fixed(self, node: NodeProto) -> Iterator[NodeProto]:
        source, span = node.input[0], self._ranges[node.input[0]]
        loudness = np.ones_like(span.low)
        quantise = source
        if self._products.normalised(node):
            loudness = self._balance(source, span)
            self._add(f"{source}_quiet", 1.0 / loudness)
            quantise = f"{source}_even"
            yield helper.make_node("Mul", [source, f"{source}_quiet"], [quantise])
        self._loudness[source] = loudness
        low, high = float((span.low / loudness).min()), float((span.high / loudness).max())
        step = max(high - low, _LEAST) / _STEPS
        self._add(f"{source}_step", np.asarray(step, dtype=np.float32))
        self._add(f"{source}_zero", np.asarray(np.clip(round(-low / step), 0, _STEPS), dtype=np.uint8))
        yield helper.make_node("QuantizeLinear", [quantise, f"{source}_step", f"{source}_zero"], [f"{source}_uint8"])

    def _balance(self, source: str, span: Range) -> Floats:
        """How much louder than the others each channel is made in the weights and quieter in the activation; mean 1."""
        weights = [numpy_helper.to_array(self.constants[node.input[1]]) for node in self._products.readers(source)]
        strongest = np.max([np.abs(weight).max(axis=1) for weight in weights], axis=0)
        loudest = np.maximum(np.maximum(-span.low, span.high), _LEAST)
        ratio = np.sqrt(loudest / np.maximum(strongest, _LEAST))
        balanced: Floats = (ratio / np.exp(np.log(ratio).mean())).astype(np.float32)
        return balanced

    def _row_product(self, node: NodeProto) -> Iterator[NodeProto]:
        """x @ w ≈ (8-bit product) * row scale of x * column scale of w."""
        source, name, out = node.input[0], node.input[1], node.output[0]
        gelu = self._products.gelu(node)
        zero = _GELU_ZERO if gelu else _MIDDLE
        prefix = f"{source}_rows"
        if source not in self._loudness:
            weight = self.constants[name]
            self._loudness[source] = np.ones(weight.dims[0], dtype=np.float32)
            yield from self._quantise_rows(source, prefix, weight.dims[0], zero)
        inputs = [f"{prefix}_uint8", *self._weight(name, numpy_helper.to_array(self.constants[name]), "int8_one")]
        yield _product([*inputs, f"int8_zero_{zero}"], f"{out}_rows")
        yield helper.make_node("Mul", [f"{out}_rows", f"{prefix}_step"], [out])

    def _quantise_rows(self, source: str, prefix: str, width: int, zero: int) -> Iterator[NodeProto]:
        """Each row of `source` in steps of its own around `zero`, and the size of its step."""
        table, above = f"int8_width_{width}", f"int8_above_{zero}"
        self._add(table, np.asarray([-1, width], dtype=np.int64))
        self._add(above, np.asarray(_STEPS - zero, dtype=np.float32))
        self._add(f"int8_zero_{zero}", np.asarray(zero, dtype=np.uint8))
        yield helper.make_node("ReduceMax", [source], [f"{prefix}_max"], axes=[-1], keepdims=1)
        tops = [f"{prefix}_max", f"int8_least_{zero}"]
        if zero == _MIDDLE:
            self._add(tops[1], np.asarray(_LEAST, dtype=np.float32))
            # A second reduction only reads; an absolute value would be written to memory first.
            yield helper.make_node("ReduceMin", [source], [f"{prefix}_min"], axes=[-1], keepdims=1)
            yield helper.make_node("Neg", [f"{prefix}_min"], [f"{prefix}_low"])
            tops.append(f"{prefix}_low")
        else:
            # The steps below zero must reach the lowest value that there can be.
            self._add(tops[1], np.asarray(_GELU_LOW * (_STEPS - zero) / zero, dtype=np.float32))
        zeros = numpy_helper.from_array(np.asarray([zero], dtype=np.uint8))
        yield helper.make_node("Max", tops, [f"{prefix}_top"])
        yield helper.make_node("Div", [f"{prefix}_top", above], [f"{prefix}_step"])
        yield helper.make_node("Reshape", [f"{prefix}_step", "int8_all"], [f"{prefix}_steps"])
        yield helper.make_node("Shape", [f"{prefix}_steps"], [f"{prefix}_count"])
        yield helper.make_node("ConstantOfShape", [f"{prefix}_count"], [f"{prefix}_zeros"], value=zeros)
        yield helper.make_node("Reshape", [source, table], [f"{prefix}_table"])
        flat = [f"{prefix}_table", f"{prefix}_steps", f"{prefix}_zeros"]
        yield helper.make_node("QuantizeLinear", flat, [f"{prefix}_flat"], axis=0)
        yield helper.make_node("Shape", [source], [f"{prefix}_shape"])
        yield helper.make_node("Reshape", [f"{prefix}_flat", f"{prefix}_shape"], [f"{prefix}_uint8"])

    def _weight(self, name: str, weight: Floats, step: str) -> tuple[str, str, str]:
        """Names of the 8-bit weights, of the activation's step, and of the scales of the weights' columns."""
        values, scale = by_column(weight)
        self._add(f"{name}_int8", values)
        self._add(f"{name}_scale", scale)
        return f"{name}_int8", step, f"{name}_scale"

    def _table(self, node: NodeProto, table: Floats) -> Iterator[NodeProto]:
        """An embedding table with one scale a row."""
        name, out = node.input[0], node.output[0]
        values, scale = by_row(table)
        self._add(f"{name}_int8", values)
        self._add(f"{name}_scale", scale)
        yield helper.make_node("Gather", [f"{name}_int8", node.input[1]], [f"{out}_int8"])
        yield helper.make_node("Gather", [f"{name}_scale", node.input[1]], [f"{out}_scale"])
        yield helper.make_node("Cast", [f"{out}_int8"], [f"{out}_float"], to=onnx.TensorProto.FLOAT)
        yield helper.make_node("Mul", [f"{out}_float", f"{out}_scale"], [out])

    def _add(self, name: str, value: NDArray[np.generic]) -> None:
        self.constants[name] = numpy_helper.from_array(value, name)


def _product(inputs: list[str], out: str) -> NodeProto:
    return helper.make_node("MatMulIntegerToFloat", inputs, [out], name=f"{out}_int8", domain=_CONTRIBUTED)

"""The large matrix products of an ONNX graph, and what kind of activation each reads."""

from __future__ import annotations

from onnx import ModelProto, NodeProto

# Smaller matrices gain nothing from 8 bits.
_SMALLEST_ROWS = 256


class Products:
    """Which nodes of a graph are large products with constant weights, and what kind of activation each reads."""

    def __init__(self, model: ModelProto) -> None:
        self.constants = {value.name: value for value in model.graph.initializer}
        self._makers = {output: node for node in model.graph.node for output in node.output}
        self._readers: dict[str, list[NodeProto]] = {}
        for node in model.graph.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
        self.nodes = [node for node in model.graph.node if self.large(node)]

    def large(self, node: NodeProto) -> bool:
        """Whether 8 bits pay for this node."""
        weight = self.constants.get(node.input[1]) if node.op_type == "MatMul" else None
        return weight is not None and weight.dims[0] >= _SMALLEST_ROWS

    def steady(self) -> list[str]:
        """The activations that get fixed scales: those of layer normalisations and attentions."""
        return sorted({node.input[0] for node in self.nodes if self.normalised(node) or self._attended(node)})

    def normalised(self, node: NodeProto) -> bool:
        """Whether a product reads a layer normalisation."""
        return self._maker(node.input[0]) == "LayerNormalization"

    def gelu(self, node: NodeProto) -> bool:
        """Whether a product reads a GELU, which an exporter writes with the error function."""
        return self._reaches(node.input[0], "Erf", through={"Mul", "Add"}, steps=3)

    def bias(self, node: NodeProto) -> tuple[str, NodeProto] | None:
        """The constant that is all that is ever added to a product, and the node that adds it."""
        readers = self._readers.get(node.output[0], [])
        if len(readers) != 1 or readers[0].op_type != "Add":
            return None
        (other,) = (name for name in readers[0].input if name != node.output[0])
        width = self.constants[node.input[1]].dims[1]
        return (other, readers[0]) if other in self.constants and self.constants[other].dims == [width] else None

    def readers(self, name: str) -> list[NodeProto]:
        """The large products that read an activation."""
        return [node for node in self._readers.get(name, []) if self.large(node)]

    def _attended(self, node: NodeProto) -> bool:
        return self._reaches(node.input[0], "Softmax", through={"Reshape", "Transpose", "MatMul"}, steps=3)

    def _maker(self, name: str) -> str:
        return self._makers[name].op_type if name in self._makers else ""

    def _reaches(self, name: str, kind: str, *, through: set[str], steps: int) -> bool:
        maker = self._makers.get(name)
        if maker is None or maker.op_type == kind:
            return maker is not None
        if not steps or maker.op_type not in through:
            return False
        return any(self._reaches(source, kind, through=through, steps=steps - 1) for source in maker.input)

"""An ONNX model with its weights in 8-bit whole numbers, quantised per output channel, and its inputs per sub-word.

`onnxruntime.quantization.quantize_dynamic` scales a whole batch at once: an answer depends on the texts beside it, and
every fortieth label of 900 texts changed. With a scale per sub-word every two-hundredth did, for a third more time, and
a text has the same answer in any company. Rows of embeddings have scales of their own as well.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST = 127.0
"""Largest absolute value of a weight, and of an input less its zero point."""
_ZERO = 128
"""Zero point of inputs: products of unsigned and signed bytes are the fast ones on CPUs."""
_TINY = 1e-8
"""Smallest largest value of a sub-word's inputs, so that no scale is zero."""
_FEWEST_ROWS = 1_024
"""Tables with fewer rows (positions, types) are too small to be worth it."""


def quantise(model: Any, keep: set[str]) -> None:
    """Quantise the products with constant matrices and the large tables of a model, in place.

    Args:
        model: an `onnx.ModelProto` of opset 18 or later in float32.
        keep: names of nodes that stay as they are.
    """
    rewrite = _Rewrite(model.graph)
    for node in list(model.graph.node):
        weights = rewrite.find_weights(node) if node.op_type == "MatMul" and node.name not in keep else None
        table = rewrite.find_constant(node, 0) if node.op_type == "Gather" else None
        if weights is not None:
            rewrite.replace_product(node, weights)
        elif table is not None and len(table) >= _FEWEST_ROWS:
            rewrite.replace_table(node, table)
        else:
            rewrite.nodes.append(node)
    rewrite.finish()


@dataclass
class _Rewrite:
    """A graph on its way from one form to the other."""

    graph: Any
    nodes: list[Any] = field(default_factory=list)
    """The nodes of the new graph, in order."""
    constants: list[Any] = field(default_factory=list)
    """What the new graph has besides the constants of the old one."""
    inputs: dict[str, str] = field(default_factory=dict)
    """Quantised inputs: by the name in the old graph what their names in the new one begin with."""
    stored: set[str] = field(default_factory=set)
    """Names of the quantised weights: layers may share theirs, as those of ALBERT do."""

    def __post_init__(self) -> None:
        self._known = {constant.name: constant for constant in self.graph.initializer}
        self._turned = {node.output[0]: node for node in self.graph.node if node.op_type == "Transpose"}
        self._add("int8.most", np.array(_MOST, np.float32))
        self._add("int8.tiny", np.array(_TINY, np.float32))
        self._add("int8.zero", np.array(_ZERO, np.uint8))
        self._add("int8.last", np.array([-1], np.int64))

    def find_weights(self, node: Any) -> NDArray[np.float32] | None:
        """Give the second factor of a product if it is a constant matrix, or one turned round."""
        turn = self._turned.get(node.input[1])
        if turn is None:
            return self.find_constant(node, 1)
        weights = self.find_constant(turn, 0)
        return None if weights is None else np.ascontiguousarray(weights.T)

    def find_constant(self, node: Any, place: int) -> NDArray[np.float32] | None:
        """Give an input of a node if it is a constant matrix of floats."""
        from onnx import numpy_helper

        constant = self._known.get(node.input[place])
        if constant is None:
            return None
        values = numpy_helper.to_array(constant)
        return values if values.ndim == 2 and values.dtype == np.float32 else None

    def replace_product(self, node: Any, weights: NDArray[np.float32]) -> None:
        """Write a product (..., in) x (in, out) in whole numbers.

        Args:
            node: a MatMul.
            weights: (in, out).
        """
        inputs, name = self._quantise_input(node.input[0], len(weights)), node.name
        factor = self._store_weights(node.input[1], weights)
        self._node("MatMulInteger", [f"{inputs}.bytes", f"{factor}.weights", "int8.zero"], f"{name}.sums")
        self._node("Cast", [f"{name}.sums"], f"{name}.floats", to=1)
        self._node("Mul", [f"{name}.floats", f"{inputs}.column"], f"{name}.scaled")
        self._node("Mul", [f"{name}.scaled", f"{factor}.scales"], f"{name}.flat")
        self._node("Concat", [f"{inputs}.places", f"{factor}.out"], f"{name}.shape", axis=0)
        self._node("Reshape", [f"{name}.flat", f"{name}.shape"], node.output[0])

    def replace_table(self, node: Any, table: NDArray[np.float32]) -> None:
        """Write a look-up of rows in whole numbers.

        Args:
            node: a Gather of rows.
            table: (rows, columns).
        """
        name, wanted, scales = node.name, node.input[1], _scale(table, axis=1)
        self._add(f"{name}.table", np.round(table / scales).astype(np.int8))
        self._add(f"{name}.scales", scales)
        self._node("Gather", [f"{name}.table", wanted], f"{name}.bytes")
        self._node("Gather", [f"{name}.scales", wanted], f"{name}.column")
        self._node("Cast", [f"{name}.bytes"], f"{name}.floats", to=1)
        self._node("Mul", [f"{name}.floats", f"{name}.column"], node.output[0])

    def finish(self) -> None:
        """Put the new nodes and constants into the graph, and leave out turned constants and constants unread."""
        used = {name for node in self.nodes for name in node.input} | {item.name for item in self.graph.output}
        self.nodes = [node for node in self.nodes if node.op_type != "Transpose" or node.output[0] in used]
        used = {name for node in self.nodes for name in node.input}
        constants = [constant for constant in self.graph.initializer if constant.name in used]
        del self.graph.node[:], self.graph.initializer[:]
        self.graph.node.extend(self.nodes)
        self.graph.initializer.extend([*constants, *self.constants])

    def _store_weights(self, source: str, weights: NDArray[np.float32]) -> str:
        """Store quantised weights once, however many products have them; gives what the names of the parts begin with.

        Args:
            source: name of the second factor.
            weights: (in, out).
        """
        turn = self._turned.get(source)
        name = f"int8.{source}" if turn is None else f"int8.{turn.input[0]}.turned"
        if name not in self.stored:
            scales = _scale(weights, axis=0)
            self._add(f"{name}.weights", np.round(weights / scales).astype(np.int8))
            self._add(f"{name}.scales", scales[0])
            self._add(f"{name}.out", np.array([weights.shape[1]], np.int64))
            self.stored.add(name)
        return name

    def _quantise_input(self, source: str, width: int) -> str:
        """Quantise an input once, however many products read it; gives what the names of its parts begin with."""
        if source in self.inputs:
            return self.inputs[source]
        name = self.inputs[source] = f"int8.{source}"
        self._add(f"{name}.width", np.array([-1, width], np.int64))
        self._node("Reshape", [source, f"{name}.width"], f"{name}.rows")  # (sub-words, in)
        self._node("Abs", [f"{name}.rows"], f"{name}.sizes")
        self._node("ReduceMax", [f"{name}.sizes", "int8.last"], f"{name}.largest", keepdims=0)
        self._node("Max", [f"{name}.largest", "int8.tiny"], f"{name}.some")
        self._node("Div", [f"{name}.some", "int8.most"], f"{name}.scales")  # (sub-words,)
        self._node("Shape", [f"{name}.scales"], f"{name}.count")
        self._node("Expand", ["int8.zero", f"{name}.count"], f"{name}.zeros")
        self._node("QuantizeLinear", [f"{name}.rows", f"{name}.scales", f"{name}.zeros"], f"{name}.bytes", axis=0)
        self._node("Unsqueeze", [f"{name}.scales", "int8.last"], f"{name}.column")
        self._node("Shape", [source], f"{name}.places", end=-1)
        return name

    def _add(self, name: str, values: NDArray[Any]) -> None:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(values, name))

    def _node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [output], name=f"{output}:{operator}", **attributes))


def _scale(weights: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """The size of a step per channel, with the axis kept; 1 where all weights of a channel are zero."""
    largest = np.abs(weights).max(axis=axis, keepdims=True)
    scales: NDArray[np.float32] = np.where(largest > 0, largest / np.float32(_MOST), np.float32(1))
    return scales

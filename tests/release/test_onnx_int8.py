from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from evokd.release.onnx_int8 import quantise

RNG = np.random.default_rng(5)
TABLE = RNG.normal(size=(2_000, 24)).astype(np.float32)
FIRST = (RNG.normal(size=(24, 40)) * RNG.uniform(0.01, 10, size=40)).astype(np.float32)
SECOND = RNG.normal(size=(24, 3)).astype(np.float32)
IDS = RNG.integers(0, len(TABLE), size=(4, 6))


def make_model() -> Any:
    """Rows of a table go through two products that share their input, and a third that is the output layer."""
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"], name="look_up"),
        helper.make_node("MatMul", ["rows", "first"], ["wide"], name="to_wide"),
        helper.make_node("MatMul", ["rows", "second"], ["narrow"], name="to_narrow"),
        helper.make_node("MatMul", ["rows", "third"], ["logits"], name="output"),
        helper.make_node("MatMul", ["rows", "turned"], ["mixed"], name="no_constant"),
        helper.make_node("Transpose", ["rows"], ["turned"], perm=[0, 2, 1]),
    ]
    nodes[4:] = nodes[:3:-1]
    constants = {"table": TABLE, "first": FIRST, "second": SECOND, "third": SECOND.copy()}
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["texts", "sub_words"])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["texts", "sub_words", size])
            for name, size in (("wide", 40), ("narrow", 3), ("logits", 3), ("mixed", "sub_words"))
        ],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def run(model: Any, ids: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(None, {"ids": ids}))


@pytest.fixture(scope="module")
def quantised() -> Any:
    model = make_model()
    quantise(model, keep={"output"})
    onnx.checker.check_model(model, full_check=True)
    return model


def test_products_are_within_a_step_of_the_exact_ones(quantised: Any) -> None:
    for exact, given in zip(run(make_model(), IDS), run(quantised, IDS), strict=True):
        assert given.shape == exact.shape
        # an error of at most half a step in table, input and weights, of 24 summands that partly cancel
        assert np.abs(given - exact).max() < 0.02 * np.abs(exact).max(axis=(0, 1)).max()
        assert not np.array_equal(given, exact)


def test_a_column_of_small_weights_has_a_scale_of_its_own(quantised: Any) -> None:
    exact, given = run(make_model(), IDS)[0], run(quantised, IDS)[0]
    errors = np.abs(given - exact).max(axis=(0, 1)) / np.abs(exact).max(axis=(0, 1))
    assert errors.max() < 0.03


def test_an_answer_does_not_depend_on_the_texts_beside_it(quantised: Any) -> None:
    together = run(quantised, IDS)
    for place in range(len(IDS)):
        for whole, alone in zip(together, run(quantised, IDS[place : place + 1]), strict=True):
            np.testing.assert_allclose(alone[0], whole[place], rtol=1e-6)


def test_weights_are_bytes_and_what_is_to_stay_stays(quantised: Any) -> None:
    kinds = {node.name: node.op_type for node in quantised.graph.node}
    assert kinds["output"] == kinds["no_constant"] == "MatMul"
    assert sum(kind == "MatMulInteger" for kind in kinds.values()) == 2
    assert sum(kind == "QuantizeLinear" for kind in kinds.values()) == 1, "one input, quantised once"
    sizes = {item.name: numpy_helper.to_array(item).nbytes for item in quantised.graph.initializer}
    assert not {"table", "first", "second"} & set(sizes)
    assert sum(sizes.values()) < 0.4 * (TABLE.nbytes + FIRST.nbytes + 2 * SECOND.nbytes)


def test_rows_of_zeros_stay_zeros() -> None:
    model = make_model()
    zeros = numpy_helper.from_array(np.zeros_like(TABLE), "table")
    model.graph.initializer[0].CopyFrom(zeros)
    quantise(model, keep=set())
    assert all(not output.any() for output in run(model, IDS))


def test_layers_that_share_turned_weights_share_the_bytes() -> None:
    """As in ALBERT, whose exported layers each turn the same constant round."""
    model = make_model()
    turned = numpy_helper.from_array(np.ascontiguousarray(FIRST.T), "first.turned")
    model.graph.initializer.append(turned)
    places = {node.name: node for node in model.graph.node}
    for name, output in (("to_wide", "a"), ("again", "b")):
        product = places.get(name) or helper.make_node("MatMul", ["rows", "first"], ["wide_again"], name=name)
        product.input[1] = output
        model.graph.node.insert(1, helper.make_node("Transpose", ["first.turned"], [output], perm=[1, 0], name=output))
    model.graph.node.append(product)
    model.graph.output.append(
        helper.make_tensor_value_info("wide_again", TensorProto.FLOAT, ["texts", "sub_words", 40])
    )
    exact = run(model, IDS)
    quantise(model, keep={"output"})
    onnx.checker.check_model(model, full_check=True)
    given = run(model, IDS)
    np.testing.assert_array_equal(given[0], given[-1])
    assert np.abs(given[0] - exact[0]).max() < 0.02 * np.abs(exact[0]).max()
    assert [node.op_type for node in model.graph.node].count("MatMulInteger") == 3
    sizes = [numpy_helper.to_array(item).nbytes for item in model.graph.initializer]
    assert sizes.count(FIRST.size) == 1, "the shared weights are stored once"
    assert FIRST.nbytes not in sizes
    assert not {"a", "b"} & {node.name for node in model.graph.node}

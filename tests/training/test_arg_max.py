"""ArgMax in other operators: the same ids for the same scores."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from rtseg.errors import ModelError
from rtseg.runtimes import load_onnxruntime
from rtseg.training.arg_max import replace_arg_max

CLASSES = 11


def graph_of(*, axis: int = 1, keepdims: int = 1, last: int = 0, to: int = TensorProto.FLOAT):
    nodes = [
        helper.make_node(
            "ArgMax", ["scores"], ["ids"], "/ArgMax", axis=axis, keepdims=keepdims, select_last_index=last
        ),
        helper.make_node("Cast", ["ids"], ["labels"], to=to),
    ]
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, CLASSES, 17, 23])
    labels = helper.make_tensor_value_info("labels", to, [None] * (3 + keepdims))
    graph = helper.make_graph(nodes, "graph", [scores], [labels])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def ids_of(model: onnx.ModelProto, scores: np.ndarray) -> np.ndarray:
    ort = load_onnxruntime()
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"scores": scores})[0]


@pytest.mark.parametrize("digits", [0, 1, 7])  # many equal scores, some, none
def test_the_ids_are_those_of_arg_max(digits):
    model = graph_of()
    replace_arg_max(model, CLASSES)
    onnx.checker.check_model(model, full_check=True)
    assert "ArgMax" not in {node.op_type for node in model.graph.node}
    scores = np.random.default_rng(digits).normal(scale=2, size=(1, CLASSES, 17, 23)).round(digits)
    scores = scores.astype(np.float32)
    scores[0, :, 0, 0] = 0
    scores[0, :, 1, 1] = -np.inf
    assert np.array_equal(ids_of(model, scores), ids_of(graph_of(), scores))


def test_an_id_is_a_class_whatever_the_scores_are():
    model = graph_of()
    replace_arg_max(model, CLASSES)
    assert ids_of(model, np.full((1, CLASSES, 17, 23), np.nan, np.float32)).max() < CLASSES


@pytest.mark.parametrize("other", [{"axis": 2}, {"keepdims": 0}, {"last": 1}, {"to": TensorProto.UINT8}])
def test_another_arg_max_is_refused(other):
    model = graph_of(**other)
    before = model.SerializeToString()
    with pytest.raises(ModelError, match="ArgMax over axis 1"):
        replace_arg_max(model, CLASSES)
    assert model.SerializeToString() == before

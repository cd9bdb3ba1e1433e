"""Each operator of the reference against ONNX Runtime, which here runs nodes as they stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from rtseg.backends.torch_graph import TorchGraph
from rtseg.backends.torch_ops import torch
from rtseg.errors import ModelError
from rtseg.runtimes import load_onnxruntime

RANDOM = np.random.default_rng(5)
IMAGE = RANDOM.normal(size=(1, 4, 9, 13)).astype(np.float32)
WEIGHT = RANDOM.normal(size=(6, 4, 3, 3)).astype(np.float32)
ODD = np.array([-1000.0, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 126.5, 127.5, 1000.0], np.float32)


def i64(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def graph_of(op: str, x: np.ndarray, constants: list[np.ndarray | None], attributes: dict) -> onnx.ModelProto:
    """One node, its first input from outside and the rest constants."""
    names = ["x", *("" if constant is None else f"c{i}" for i, constant in enumerate(constants))]
    stored = [
        numpy_helper.from_array(constant, f"c{i}")
        for i, constant in enumerate(constants)
        if constant is not None
    ]
    image = helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
    node = helper.make_node(op, names, ["y"], **attributes)
    graph = helper.make_graph([node], "graph", [image], [onnx.ValueInfoProto(name="y")], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def by_onnxruntime(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    ort = load_onnxruntime()
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


CASES = [
    ("Add", IMAGE, [IMAGE[:, :1]], {}),
    ("Sub", IMAGE, [IMAGE[:, :1]], {}),
    ("Mul", IMAGE, [IMAGE[:, :1]], {}),
    ("Div", IMAGE, [IMAGE[:, :1]], {}),
    ("Relu", IMAGE, [], {}),
    ("Identity", IMAGE, [], {}),
    ("Clip", IMAGE, [np.float32(0), np.float32(0.5)], {}),
    ("Clip", IMAGE, [None, np.float32(0.5)], {}),
    ("ArgMax", np.round(IMAGE), [], {"axis": 1}),
    ("ArgMax", np.round(IMAGE), [], {"axis": 1, "keepdims": 0}),
    ("GreaterOrEqual", np.round(IMAGE), [np.round(IMAGE[:, :1])], {}),
    ("Where", IMAGE[:, :1] > 0, [IMAGE, np.float32([7]).reshape(1, 1, 1, 1)], {}),
    ("ReduceMax", IMAGE, [], {"axes": [1]}),
    ("ReduceMax", IMAGE, [], {"keepdims": 0}),
    ("ReduceMin", IMAGE, [], {"axes": [1, -1], "keepdims": 0}),
    ("Cast", IMAGE, [], {"to": TensorProto.INT32}),
    ("Transpose", IMAGE, [], {"perm": [0, 2, 3, 1]}),
    ("Concat", IMAGE, [IMAGE[:, :1]], {"axis": 1}),
    ("Reshape", IMAGE, [i64(0, -1, 13)], {}),
    ("Squeeze", IMAGE, [i64(0)], {}),
    ("Squeeze", IMAGE, [], {}),
    ("Unsqueeze", IMAGE, [i64(0, -1)], {}),
    ("Slice", IMAGE, [i64(1, -4), i64(9, 99), i64(2, 3), i64(3, 1)], {}),
    ("Slice", IMAGE, [i64(0, 1), i64(1, 3)], {}),
    ("DepthToSpace", IMAGE, [], {"blocksize": 2, "mode": "CRD"}),
    ("GlobalAveragePool", IMAGE, [], {}),
    ("AveragePool", IMAGE, [], {"kernel_shape": [4, 3], "strides": [2, 3]}),
    ("AveragePool", IMAGE, [], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
    ("MaxPool", IMAGE, [], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ("MaxPool", IMAGE, [], {"kernel_shape": [2, 2]}),
    ("Conv", IMAGE, [WEIGHT, WEIGHT[:, 0, 0, 0]], {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
    ("Conv", IMAGE, [WEIGHT], {"pads": [0, 1, 2, 3], "dilations": [2, 2]}),
    ("Conv", IMAGE, [WEIGHT[:4, :1]], {"group": 4}),
    ("ConvTranspose", IMAGE, [WEIGHT.transpose(1, 0, 2, 3)], {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ("Resize", IMAGE, [None, None, i64(1, 4, 23, 31)], {"mode": "linear"}),
    ("Resize", IMAGE, [None, np.float32([1, 1, 2, 2])], {"mode": "linear"}),
    ("QuantizeLinear", ODD, [np.float32(1), np.int8(0)], {}),
    ("QuantizeLinear", ODD, [np.float32(1), np.uint8(3)], {}),
    ("QuantizeLinear", ODD, [np.float32(0.3)], {}),
    ("QuantizeLinear", IMAGE, [np.float32([0.1, 0.2, 0.3, 0.4]), np.int8([0] * 4)], {}),
    ("DequantizeLinear", np.int8([-128, -1, 0, 127]), [np.float32(0.1), np.int8(0)], {}),
    ("DequantizeLinear", np.uint8([0, 3, 255]), [np.float32(0.1), np.uint8(3)], {}),
    ("DequantizeLinear", np.int8(WEIGHT), [np.float32(range(1, 7)), np.int8([0] * 6)], {"axis": 0}),
    *(
        ("Resize", IMAGE, [None, None, i64(1, 4, *size)], {**centres, "nearest_mode": rounding})
        for size in [(18, 26), (5, 7), (23, 31)]
        for centres, rounding in [
            ({}, "round_prefer_floor"),
            ({}, "round_prefer_ceil"),
            ({"coordinate_transformation_mode": "asymmetric"}, "floor"),
            ({"coordinate_transformation_mode": "asymmetric"}, "ceil"),
        ]
    ),
]


@pytest.mark.parametrize(
    ("op", "x", "constants", "attributes"), CASES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_operators_are_those_of_onnx(op, x, constants, attributes):
    model = graph_of(op, x, constants, attributes)
    expected = by_onnxruntime(model, x)
    found = TorchGraph(model.graph, Path())(torch.from_numpy(x.copy())).numpy()
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_half_is_computed_as_float32():
    model = graph_of("Cast", IMAGE, [], {"to": TensorProto.FLOAT16})
    assert TorchGraph(model.graph, Path())(torch.from_numpy(IMAGE)).dtype == torch.float32


@pytest.mark.parametrize(
    ("op", "constants", "attributes", "named"),
    [
        ("Softmax", [], {}, "Softmax"),
        ("Resize", [None, None, i64(1, 4, 18, 26)], {"mode": "cubic"}, "cubic"),
        ("Conv", [WEIGHT], {"auto_pad": "SAME_UPPER"}, "auto_pad"),
        ("Cast", [], {"to": TensorProto.STRING}, "element type 8"),
    ],
)
def test_what_is_not_known_is_named(tmp_path, op, constants, attributes, named):
    path = tmp_path / "m.onnx"
    onnx.save(graph_of(op, IMAGE, constants, attributes), path)
    with pytest.raises(ModelError, match=named) as caught:
        TorchGraph.read(path)(torch.from_numpy(IMAGE))
    assert str(path) in str(caught.value)

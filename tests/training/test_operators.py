"""What the ONNX parsers of TensorRT take of the shipped files, and that the check can find something."""

from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto, helper

from rtseg.model import engines_dir
from rtseg.training.operators import is_known, newest_opset, refusals

VERSIONS = [(8, 5, 2), (8, 6, 1), (10, 3, 0), (10, 13, 3, 9), (11, 4, 0, 106)]
EIGHT, TEN = (8, 6, 1), (10, 3, 0)
INT32 = TensorProto.INT32


def one_node(
    operator, taken=TensorProto.FLOAT, given=TensorProto.FLOAT, *, opset=17, domain="", **attributes
):
    """A file with one operator between its only input and output."""
    node = helper.make_node(operator, ["x"], ["y"], "only", domain=domain, **attributes)
    borders = [helper.make_tensor_value_info(n, t, [1, 3, 8, 8]) for n, t in (("x", taken), ("y", given))]
    graph = helper.make_graph([node], "one", borders[:1], borders[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_every_version_takes_the_shipped_files(precision, version):
    """8.6 too: they are of operator set 17, and uint8 enters and leaves by a Cast from and to float alone."""
    model = onnx.load(engines_dir() / "rtseg-m" / f"{precision}.onnx")
    assert refusals(model, version) == []


@pytest.mark.parametrize(
    ("model", "version", "reason"),
    [
        (one_node("Relu", opset=18), EIGHT, "is of operator set 18, newer than 17"),
        (one_node("Relu", opset=23), TEN, "is of operator set 23, newer than 20"),
        (one_node("Det"), TEN, "is no operator that this version has"),
        (one_node("Gelu", opset=20), EIGHT, "is no operator that this version has"),
        (one_node("Relu", TensorProto.INT32, TensorProto.INT32), EIGHT, "is not taken on INT32"),
        (one_node("Sigmoid", TensorProto.INT64, TensorProto.INT64), TEN, "is not taken on INT64"),
        (one_node("Fast", domain="com.example"), TEN, "is an operator of com.example"),
        (one_node("Relu", TensorProto.UINT8, TensorProto.UINT8), TEN, "may only be cast to a floating-point"),
        (one_node("Cast", TensorProto.UINT8, INT32, to=INT32), TEN, "may only be cast to a floating-point"),
        (one_node("Cast", INT32, TensorProto.UINT8, to=TensorProto.UINT8), EIGHT, "may only be cast from a"),
        (one_node("Resize", mode="cubic"), TEN, "has mode cubic"),
    ],
)  # fmt: skip
def test_what_is_refused(model, version, reason):
    found = [str(refusal) for refusal in refusals(model, version)]
    assert any(reason in line for line in found), found


def test_uint8_inside_the_graph_is_refused():
    model = onnx.load(engines_dir() / "rtseg-m" / "fp16.onnx")
    last = model.graph.node[-1]
    assert last.op_type == "Cast"
    last.output[0] = "inside"
    model.graph.node.append(helper.make_node("Identity", ["inside"], ["labels"], "behind"))
    reasons = {(found.node, found.reason.partition(" (")[0]) for found in refusals(model, TEN)}
    assert reasons == {
        (last.name, "gives uint8 inside the graph"),
        ("behind", "reads uint8 inside the graph"),
        ("behind", "gives uint8"),
    }


def test_int64_is_int32_to_tensorrt_8():
    assert refusals(one_node("Add", TensorProto.INT64, TensorProto.INT64), EIGHT) == []


def test_versions_between_two_entries_are_as_the_older():
    assert [newest_opset(version) for version in ((8, 0), (8, 5), (9, 2), (10, 14), (10, 15, 1), (12,))] == [
        17, 17, 17, 20, 24, 24,
    ]  # fmt: skip
    assert is_known("Resize", EIGHT)
    assert not is_known("QLinearConv", EIGHT)

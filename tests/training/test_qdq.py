from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from rtseg.model import engines_dir
from rtseg.tensorrt.onnx_file import weights_as_float
from rtseg.training import qdq
from rtseg.training.insert_qdq import activation_edges, int8_from_float
from rtseg.training.onnx_files import arrays, drop_unused_arrays, set_array
from rtseg.training.qdq import RULES, audit


@pytest.fixture(scope="module")
def clean(fp32_path):
    model = weights_as_float(onnx.load(fp32_path))
    return int8_from_float(model, dict.fromkeys(activation_edges(model), 6.0))


@pytest.fixture
def model(clean):
    copy = onnx.ModelProto()
    copy.CopyFrom(clean)
    return copy


def first(model, op_type, after=""):
    return next(node for node in model.graph.node if node.op_type == op_type and after in node.name)


def weight_dq(model):
    return next(node for node in model.graph.node if node.input[0].endswith("/int8"))


def rename(model, node, position, values):
    """Give one input of one node a constant of its own."""
    name = f"{node.name}/changed/{position}"
    set_array(model, name, values)
    node.input[position] = name
    drop_unused_arrays(model)


def bypass(model, node):
    """Take `node` out, its readers reading its first input."""
    for reader in model.graph.node:
        for position, name in enumerate(reader.input):
            if name == node.output[0]:
                reader.input[position] = node.input[0]
    model.graph.node.remove(node)
    drop_unused_arrays(model)


def put_pair(model, node, position):
    """Quantise one input of `node`."""
    q = first(model, "QuantizeLinear")
    pair = [
        helper.make_node("QuantizeLinear", [node.input[position], *q.input[1:]], ["more/q"], name="more/q"),
        helper.make_node("DequantizeLinear", ["more/q", *q.input[1:]], ["more/dq"], name="more/dq"),
    ]
    place = list(model.graph.node).index(node)
    node.input[position] = "more/dq"
    for new in reversed(pair):
        model.graph.node.insert(place, new)


def newer_opset(model):
    model.opset_import[0].version = 19


def foreign_operator(model):
    first(model, "QuantizeLinear").domain = "com.microsoft"


def no_pairs(model):
    for op_type in ("QuantizeLinear", "DequantizeLinear"):
        for node in [node for node in model.graph.node if node.op_type == op_type]:
            bypass(model, node)


def q_without_zero_point(model):
    del first(model, "QuantizeLinear").input[2]


def uint8_activation(model):
    for op_type in ("QuantizeLinear", "DequantizeLinear"):
        rename(model, first(model, op_type), 2, np.uint8(0))


def uint8_weights(model):
    node = weight_dq(model)
    rename(model, node, 0, arrays(model)[node.input[0]].view(np.uint8))


def asymmetric(model):
    for op_type in ("QuantizeLinear", "DequantizeLinear"):
        rename(model, first(model, op_type), 2, np.int8(-5))


def computed_zero_point(model):
    node = first(model, "QuantizeLinear")
    model.graph.node.insert(0, helper.make_node("Identity", [node.input[2]], ["computed"], name="identity"))
    node.input[2] = "computed"


def negative_scale(model):
    rename(model, first(model, "QuantizeLinear"), 1, np.float32(-0.1))


def zero_scale(model):
    node = weight_dq(model)
    rename(model, node, 1, np.zeros_like(arrays(model)[node.input[1]]))


def infinite_scale(model):
    rename(model, first(model, "QuantizeLinear"), 1, np.float32(np.inf))


def half_scale(model):
    rename(model, first(model, "QuantizeLinear"), 1, np.float16(0.1))


def computed_scale(model):
    node = first(model, "QuantizeLinear")
    model.graph.node.insert(0, helper.make_node("Identity", [node.input[1]], ["computed"], name="identity"))
    node.input[1] = "computed"


def weights_per_tensor(model):
    node = weight_dq(model)
    rename(model, node, 1, np.float32(0.1))
    rename(model, node, 2, np.int8(0))


def weights_on_the_wrong_axis(model):
    weight_dq(model).attribute[0].i = 1


def weights_on_the_default_axis(model):
    del weight_dq(model).attribute[:]


def activation_per_channel(model):
    for op_type in ("QuantizeLinear", "DequantizeLinear"):
        rename(model, first(model, op_type), 1, np.full(32, 0.1, np.float32))


def quantized_bias(model):
    conv = first(model, "Conv")
    bias = arrays(model)[conv.input[2]]
    set_array(model, "bias/int32", (bias * 1000).astype(np.int32))
    set_array(model, "bias/scale", np.float32(0.001))
    dq = helper.make_node("DequantizeLinear", ["bias/int32", "bias/scale"], ["bias/float"], name="bias/dq")
    model.graph.node.insert(0, dq)
    conv.input[2] = "bias/float"
    drop_unused_arrays(model)


def unequal_scales(model):
    rename(model, first(model, "DequantizeLinear", after="Clip"), 1, np.float32(0.5))


def q_into_a_cast(model):
    node = first(model, "DequantizeLinear", after="Clip")
    cast = helper.make_node("Cast", [node.input[0]], [node.output[0]], name="cast", to=TensorProto.FLOAT)
    model.graph.node.insert(list(model.graph.node).index(node), cast)
    model.graph.node.remove(node)


def dq_of_a_cast(model):
    q = first(model, "QuantizeLinear")
    cast = helper.make_node("Cast", [q.input[0]], [q.output[0]], name="cast", to=TensorProto.INT8)
    model.graph.node.insert(list(model.graph.node).index(q), cast)
    model.graph.node.remove(q)


def weights_quantized_on_the_way(model):
    dq = weight_dq(model)
    values = arrays(model)
    scale = values[dq.input[1]].reshape(-1, 1, 1, 1)
    set_array(model, "weights/float", values[dq.input[0]].astype(np.float32) * scale)
    q = helper.make_node("QuantizeLinear", ["weights/float", *dq.input[1:]], ["weights/q"], name="wq", axis=0)
    model.graph.node.insert(0, q)
    dq.input[0] = "weights/q"
    drop_unused_arrays(model)


def float_weights(model):
    dq = weight_dq(model)
    values = arrays(model)
    set_array(model, dq.output[0], values[dq.input[0]] * values[dq.input[1]].reshape(-1, 1, 1, 1))
    model.graph.node.remove(dq)
    drop_unused_arrays(model)


def float_activation(model):
    conv = first(model, "Conv")
    conv.input[0] = "/Sub_output_0"


def quantized_head(model):
    put_pair(model, first(model, "Conv", after="head"), 0)


def quantized_logits(model):
    put_pair(model, first(model, "ReduceMax"), 0)


def quantized_convolution_side(model):
    add = first(model, "Add")
    put_pair(model, add, next(i for i, name in enumerate(add.input) if "dequantized" not in name))


def raw_skip(model):
    add = first(model, "Add")
    for position, name in enumerate(add.input):
        add.input[position] = name.removesuffix("/dequantized")


def idle_pair(model):
    q = first(model, "QuantizeLinear")
    model.graph.node.append(helper.make_node("QuantizeLinear", list(q.input), ["idle"], name="idle"))


def idle_constant(model):
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(3, np.float32), "idle"))


def uint8_inside(model):
    transpose, cast = first(model, "Transpose"), first(model, "Cast")
    cast.input[0], cast.output[0] = "transposed", transpose.output[0]
    transpose.input[0], transpose.output[0] = "image", "transposed"
    nodes = [transpose, cast, *(node for node in model.graph.node if node not in (transpose, cast))]
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)


def reshape_after_the_cast(model):
    reshape, cast = first(model, "Reshape"), list(model.graph.node)[-1]
    assert cast.op_type == "Cast"
    cast.input[0], cast.output[0] = reshape.input[0], "early"
    reshape.input[0], reshape.output[0] = "early", "labels"
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in (cast, reshape)]
    rest = [node for node in model.graph.node if node not in (cast, reshape)]
    rest = [onnx.NodeProto.FromString(node.SerializeToString()) for node in rest]
    del model.graph.node[:]
    model.graph.node.extend([*rest, *copies])


BREAKAGES = [
    ("opset", newer_opset),
    ("opset", foreign_operator),
    ("present", no_pairs),
    ("type", q_without_zero_point),
    ("type", uint8_activation),
    ("type", uint8_weights),
    ("zero-point", asymmetric),
    ("zero-point", computed_zero_point),
    ("scale", negative_scale),
    ("scale", zero_scale),
    ("scale", infinite_scale),
    ("scale", half_scale),
    ("scale", computed_scale),
    ("per-channel", weights_per_tensor),
    ("per-channel", weights_on_the_wrong_axis),
    ("per-channel", weights_on_the_default_axis),
    ("per-tensor", activation_per_channel),
    ("bias", quantized_bias),
    ("pair", unequal_scales),
    ("pair", q_into_a_cast),
    ("pair", dq_of_a_cast),
    ("stored", weights_quantized_on_the_way),
    ("whole", float_weights),
    ("whole", float_activation),
    ("head", quantized_head),
    ("head", quantized_logits),
    ("residual", quantized_convolution_side),
    ("residual", raw_skip),
    ("dangling", idle_pair),
    ("dangling", idle_constant),
    ("border", uint8_inside),
    ("border", reshape_after_the_cast),
]


def test_what_we_write_is_clean(clean):
    onnx.checker.check_model(clean, full_check=True)
    assert audit(clean) == []


@pytest.mark.parametrize(("rule", "break_it"), BREAKAGES, ids=[f"{r}-{b.__name__}" for r, b in BREAKAGES])
def test_each_breakage_is_found(model, rule, break_it):
    break_it(model)
    findings = [finding for finding in audit(model) if finding.rule == rule]
    assert findings
    for finding in findings:
        assert finding.node
        assert "\n" not in str(finding)
        assert str(finding).startswith(f"{finding.node}: ")


def test_every_rule_is_explained_and_can_be_broken():
    assert set(RULES) == {rule for rule, _ in BREAKAGES}
    explained = [line.split()[0] for line in qdq.__doc__.splitlines() if line.startswith("    ")]
    assert explained == list(RULES)


def test_a_float_model_is_not_taken_for_int8(fp32_path):
    assert [finding.rule for finding in audit(onnx.load(fp32_path))] == ["present"]


def test_the_shipped_int8_files_are_clean():
    shipped = sorted(engines_dir().glob("*/int8.onnx"))
    assert shipped
    for path in shipped:
        assert [str(finding) for finding in audit(onnx.load(path))] == []

"""What is read out of EngineInspector's JSON; the layers are in the forms that versions 8 to 11 have."""

from __future__ import annotations

import json

from rtseg.gpu_report.fusion import borders_from_json, fusion, layers_from_json, weights_sentence


def tensor(kind: str) -> dict[str, object]:
    return {"Name": "t", "Dimensions": [1, 8, 6, 8], "Format/Datatype": kind}


def nodes(*names: str) -> str:
    return "\x1e".join(f"[ONNX Layer: {name}]" for name in names)


CONVOLUTION = {
    "Name": "/encoder/stem/stem.0/Conv + /encoder/stem/stem.2/Clip",
    "LayerType": "CaskConvolution",
    "Inputs": [tensor("Channel major FP16 format where channel % 8 == 0")],
    "Outputs": [tensor("Half(64,1:8)")],
    "Weights": {"Type": "Half", "Count": 864},
    "HasDynamicFilter": 0,
    "Metadata": nodes("/encoder/stem/stem.0/Conv", "/encoder/stem/stem.2/Clip"),
}
ALONE = {
    "Name": "/head/Conv",
    "LayerType": "CaskConvolution",
    "Inputs": [tensor("Int8(12,1:32)")],
    "Outputs": [tensor("Row major linear FP32")],
    "Weights": {"Type": "Int8", "Count": 99},
    "Metadata": nodes("net.head.weight/QuantizeLinear", "/head/Conv"),
}
REFORMAT = {
    "Name": "Reformatting CopyNode for Input Tensor 0 to /encoder/stem/stem.0/Conv",
    "LayerType": "Reformat",
    "Inputs": [tensor("UINT8")],
    "Outputs": [tensor("Half")],
    "Metadata": "",
}
QDQ = {**REFORMAT, "Name": "quantise", "Origin": "QDQ", "Outputs": [tensor("Int8")]}
WEIGHT_CAST = {
    "Name": "net.decoder.0.0.weight/Cast",
    "LayerType": "Cast",
    "Inputs": [tensor("Half")],
    "Outputs": [tensor("Float")],
    "Metadata": nodes("net.decoder.0.0.weight/Cast"),
}
DYNAMIC = {**ALONE, "Name": "/decoder/Conv", "Weights": {"Type": "Float", "Count": 0}, "HasDynamicFilter": 1}


def found_in(*layers: object) -> dict:
    return fusion(layers_from_json(json.dumps({"Layers": layers, "Bindings": ["image", "labels"]})))


def test_fused_and_unfused_convolutions_and_what_is_between():
    found = found_in(REFORMAT, CONVOLUTION, QDQ, ALONE)
    assert found["layers"] == 4
    assert found["convolutions"]["count"] == 2
    assert found["convolutions"]["alone"] == ["/head/Conv"]
    assert found["convolutions"]["input_types"] == {"fp16": 1, "int8": 1}
    assert found["convolutions"]["weights"]["types"] == {"fp16": 1, "int8": 1}
    assert found["reformats"] == [REFORMAT["Name"]]
    assert found["qdq_left"] == ["quantise"]
    assert found["casts_left"] == []
    assert found["output_types"] == {"fp16": 2, "int8": 1, "fp32": 1}
    assert weights_sentence(found).startswith("all convolutions hold their weights")


def test_weights_that_are_converted_in_every_run_are_seen():
    found = found_in(WEIGHT_CAST, DYNAMIC, CONVOLUTION)
    assert found["weight_casts_left"] == found["casts_left"] == ["net.decoder.0.0.weight/Cast"]
    assert found["convolutions"]["weights"] == {
        "inside": 1,
        "as_input": 1,
        "not_told": 0,
        "types": {"fp16": 1},
    }
    assert weights_sentence(found).startswith("1 layers convert weights in every run and 1 convolutions take")


def test_a_plan_that_tells_names_only():
    found = found_in("/a/Conv + /a/Relu", "/b/Conv", "/q/QuantizeLinear", "")
    assert found["layers"] == 3
    assert found["kinds"] == {"not told": 3}
    assert found["convolutions"]["alone"] == ["/b/Conv"]
    assert found["convolutions"]["weights"]["not_told"] == 2
    assert found["qdq_left"] == ["/q/QuantizeLinear"]
    assert "not told" in weights_sentence(found)


def test_inputs_and_outputs_under_either_name():
    assert borders_from_json('{"Layers": [], "Bindings": ["image"]}') == ["image"]
    assert borders_from_json('{"Layers": [], "I/O Tensors": ["image", "labels"]}') == ["image", "labels"]


def test_what_cannot_be_understood_is_nothing():
    assert layers_from_json('{"Layers": [nonsense') == []
    assert fusion(layers_from_json("[]"))["layers"] == 0
    assert borders_from_json("no JSON") == []

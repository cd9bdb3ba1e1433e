"""Model files for tests: their metadata, and the smallest graph that keeps the contract."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, helper

from rtseg.classes import CAMVID

if TYPE_CHECKING:
    from pathlib import Path


def metadata(precision: str, size: tuple[int, int]) -> dict[str, str]:
    """The metadata of a model file, complete."""
    return {
        "name": "tiny",
        "version": "3",
        "precision": precision,
        "classes": json.dumps(CAMVID.names),
        "palette": json.dumps(CAMVID.palette_rgb),
        "input": json.dumps(size),
        "data": "CamVid, eight frames",
        "data_licence": "non-commercial",
        "scores": json.dumps({"split": "none", "miou": 0.5, "pixel_accuracy": 0.5, "iou": {"sky": 0.5}}),
        "parent_sha256": "none",
        "calibration_sha256": "none",
    }


def save(model: onnx.ModelProto, path: Path, entries: dict[str, str]) -> Path:
    helper.set_model_props(model, entries)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def model_of(
    nodes: list[onnx.NodeProto],
    image: onnx.ValueInfoProto,
    labels: onnx.ValueInfoProto,
    constants: list[onnx.TensorProto] | None = None,
) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "graph", [image], [labels], constants or [])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def strongest_colour(
    size: tuple[int, int] = (6, 8),
    *,
    image: str = "image",
    image_type: int = TensorProto.UINT8,
    labels: str = "labels",
    labels_type: int = TensorProto.UINT8,
    image_shape: list[int | str] | None = None,
) -> onnx.ModelProto:
    """A model whose label is the strongest of red, green and blue; the other arguments break the contract."""
    height, width = size
    nodes = [
        helper.make_node("Cast", [image], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("ArgMax", ["levels"], ["strongest"], axis=3, keepdims=0),
        helper.make_node("Cast", ["strongest"], [labels], to=labels_type),
    ]
    return model_of(
        nodes,
        helper.make_tensor_value_info(image, image_type, image_shape or [1, height, width, 3]),
        helper.make_tensor_value_info(labels, labels_type, [1, *(image_shape or [1, height, width])[1:3]]),
    )

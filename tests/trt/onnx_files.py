"""Small ONNX files for the tests of the double."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, helper

from rtseg.model import engines_dir
from rtseg.tensorrt.onnx_file import weights_as_float

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (1, 4, 6, 3)


def write(path: Path, *, opset: int = 17, operator: str = "Relu") -> Path:
    """A file of three nodes, `in`, `middle` and `out`: uint8 in, an operator on floats, uint8 out."""
    nodes = [
        helper.make_node("Cast", ["image"], ["values"], "in", to=TensorProto.FLOAT),
        helper.make_node(operator, ["values"], ["kept"], "middle"),
        helper.make_node("Cast", ["kept"], ["labels"], "out", to=TensorProto.UINT8),
    ]
    borders = [helper.make_tensor_value_info(name, TensorProto.UINT8, SHAPE) for name in ("image", "labels")]
    graph = helper.make_graph(nodes, "small", borders[:1], borders[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, path)
    return path


def shipped(precision: str, folder: Path) -> Path:
    """A shipped file as the project gives it to the parser."""
    path = folder / f"{precision}.onnx"
    onnx.save(weights_as_float(onnx.load(engines_dir() / "rtseg-m" / path.name)), path)
    return path

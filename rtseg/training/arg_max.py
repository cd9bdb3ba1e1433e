"""ArgMax over the classes, in operators that runtimes are faster at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper, numpy_helper

from rtseg.errors import ModelError
from rtseg.training.onnx_files import consumers

if TYPE_CHECKING:
    import onnx

_FLOAT = 1
"""TensorProto.FLOAT."""


def replace_arg_max(model: onnx.ModelProto, classes: int) -> None:
    """Replace ArgMax over axis 1, and the Cast of its ids to float32 behind it, by two reductions.

    The highest score of a place is found, then the lowest id whose score it is: exactly what ArgMax says, of
    equals the first. OpenVINO has no ArgMax but sorts (TopK), which takes more than twice as long.

    Raises:
        ModelError: there is not just one ArgMax, or it is another one.
    """
    found = [node for node in model.graph.node if node.op_type == "ArgMax"]
    casts = consumers(model, found[0].output[0]) if len(found) == 1 else []
    if len(casts) != 1 or not _is_over_classes(found[0]) or not _is_to_float(casts[0]):
        raise ModelError("the graph does not end in one ArgMax over axis 1 whose ids become float32")
    arg_max, cast = found[0], casts[0]
    # The last id stands in for those that are not highest: it beats none, and is a class whatever happens.
    ids = np.arange(classes, dtype=np.float32).reshape(-1, 1, 1)
    constants = {"/ids": ids, "/last_id": ids[-1:]}
    name, (scores,) = arg_max.name, arg_max.input
    highest, is_highest, candidates = (f"{name}/{part}" for part in ("highest", "is_highest", "candidates"))
    nodes = [
        helper.make_node("ReduceMax", [scores], [highest], highest, axes=[1], keepdims=1),
        helper.make_node("GreaterOrEqual", [scores, highest], [is_highest], is_highest),
        helper.make_node("Where", [is_highest, *(name + key for key in constants)], [candidates], candidates),
        helper.make_node("ReduceMin", [candidates], cast.output, f"{name}/lowest", axes=[1], keepdims=1),
    ]
    place = list(model.graph.node).index(arg_max)
    model.graph.node.remove(arg_max)
    model.graph.node.remove(cast)
    for offset, node in enumerate(nodes):
        model.graph.node.insert(place + offset, node)
    model.graph.initializer.extend(
        numpy_helper.from_array(value, name + key) for key, value in constants.items()
    )


def _is_over_classes(node: onnx.NodeProto) -> bool:
    attributes = {entry.name: entry.i for entry in node.attribute}
    expected = {"axis": 1, "keepdims": 1, "select_last_index": 0}
    return all(attributes.get(key, default) == default for key, default in expected.items()) and (
        "axis" in attributes
    )


def _is_to_float(node: onnx.NodeProto) -> bool:
    return bool(node.op_type == "Cast" and node.attribute[0].i == _FLOAT)

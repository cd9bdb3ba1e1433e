"""ONNX files as they are written: weights by name, metadata, all or nothing."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import numpy_helper

from rtseg.errors import OutputError
from rtseg.metadata import METADATA_KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

OPSET = 17
"""The newest operator set that TensorRT 8.6 reads, and all that the networks need."""

IR_VERSION = 8
"""The file format that belongs to opset 17."""


def array_from_tensor(tensor: onnx.TensorProto) -> NDArray[Any]:
    """The values of an initialiser, a copy of its own."""
    return np.array(numpy_helper.to_array(tensor))


def arrays(model: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    """All initialisers by name, copies of their own."""
    return {tensor.name: array_from_tensor(tensor) for tensor in model.graph.initializer}


def set_array(model: onnx.ModelProto, name: str, values: NDArray[Any]) -> None:
    """Replace the initialiser `name`, or add it."""
    tensor = numpy_helper.from_array(np.asarray(values, order="C"), name)
    for existing in model.graph.initializer:
        if existing.name == name:
            existing.CopyFrom(tensor)
            return
    model.graph.initializer.append(tensor)


def drop_unused_arrays(model: onnx.ModelProto) -> None:
    """Remove the initialisers that no node reads any more."""
    read = {name for node in model.graph.node for name in node.input}
    used = [tensor for tensor in model.graph.initializer if tensor.name in read]
    del model.graph.initializer[:]
    model.graph.initializer.extend(used)


def drop_idle_slices(model: onnx.ModelProto) -> None:
    """Take out every Slice that keeps all of what it reads: what odd sizes need, where the size is even.

    It must not be one that reverses; nothing here makes such a one.
    """
    inferred = onnx.shape_inference.infer_shapes(model).graph
    shapes = {value.name: value.type.tensor_type.shape for value in (*inferred.value_info, *inferred.output)}
    for node in list(model.graph.node):
        source, result = node.input[0] if node.input else "", node.output[0]
        if node.op_type == "Slice" and source in shapes and shapes[source] == shapes[result]:
            for reader in consumers(model, result):
                for position, name in enumerate(reader.input):
                    if name == result:
                        reader.input[position] = source
            model.graph.node.remove(node)
    drop_unused_arrays(model)


def consumers(model: onnx.ModelProto, name: str) -> list[onnx.NodeProto]:
    """The nodes that read the tensor `name`, in graph order."""
    return [node for node in model.graph.node if name in node.input]


def producers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    """The node that makes each tensor, by the tensor's name."""
    return {name: node for node in model.graph.node for name in node.output}


def metadata_of(model: onnx.ModelProto) -> dict[str, str]:
    """What the file says of itself."""
    return {entry.key: entry.value for entry in model.metadata_props}


def set_metadata(model: onnx.ModelProto, entries: Mapping[str, object]) -> None:
    """Set all metadata at once, in the order of `METADATA_KEYS`; what is not a string is stored as JSON.

    Raises:
        ValueError: `entries` are not exactly the keys that a model file must have.
    """
    if set(entries) != set(METADATA_KEYS):
        raise ValueError(
            f"metadata keys differ from the contract: {sorted(set(entries) ^ set(METADATA_KEYS))}"
        )
    texts = {key: _text(entries[key]) for key in METADATA_KEYS}
    onnx.helper.set_model_props(model, texts)


def save(model: onnx.ModelProto, path: Path) -> str:
    """Check `model` and write it, whole or not at all, over an older file of that name. Returns its SHA-256.

    Raises:
        OutputError: the folder does not exist or cannot be written to.
    """
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString(deterministic=True)
    write_whole(path, content)
    return hashlib.sha256(content).hexdigest()


def json_content(value: Mapping[str, object]) -> bytes:
    """`value` as the bytes of a JSON file."""
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def check_folder(path: Path) -> None:
    """Say before a long run that `path` could not be written after it.

    Raises:
        OutputError: the folder of `path` does not exist.
    """
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist. Make it first.")


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` beside `path` and rename it into place.

    Raises:
        OutputError: the folder does not exist or cannot be written to.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written ({error.strerror}).") from error


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

"""An ONNX graph, executed in torch node by node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import onnx
import torch
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # it has no types
from onnx import numpy_helper

from rtseg.backends.torch_ops import OPERATORS, Operator, UnsupportedError, torch_dtype
from rtseg.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor


class Step(NamedTuple):
    """One node: what computes it, and the names it reads ("" for an input left out), writes and uses last."""

    operator: Operator
    attributes: dict[str, Any]
    reads: tuple[str, ...]
    writes: str
    last_used: tuple[str, ...]


class TorchGraph:
    """A graph of one input and one output; what depends on constants alone is computed only once."""

    def __init__(self, graph: onnx.GraphProto, path: Path) -> None:
        """Prepare `graph`; `path` is named in errors.

        Raises:
            ModelError: it has an operator that is not known here.
        """
        self._path = path
        self._input = graph.input[0].name
        self._output = graph.output[0].name
        self._constants = {tensor.name: tensor_from_proto(tensor) for tensor in graph.initializer}
        steps = []
        for node in graph.node:
            step = self._step(node)
            if all(name in self._constants or not name for name in step.reads):
                self._constants[step.writes] = self._run(step, self._constants)
            else:
                steps.append(step)
        self._steps = _with_last_uses(steps, keep={*self._constants, self._output})

    @classmethod
    def read(cls, path: Path) -> TorchGraph:
        """Read the ONNX file at `path`.

        Raises:
            ModelError: it is not ONNX, or has an operator that is not known here.
        """
        try:
            return cls(onnx.load(path).graph, path)
        except DecodeError as error:
            raise ModelError(f"{path}: not an ONNX file, or cut short. Copy or export it again.") from error

    def __call__(self, value: Tensor) -> Tensor:
        """Compute the output for one input.

        Raises:
            ModelError: a node has a form that is not known here.
        """
        values = {**self._constants, self._input: value}
        for step in self._steps:
            values[step.writes] = self._run(step, values)
            for name in step.last_used:
                del values[name]
        return values[self._output]

    def _step(self, node: onnx.NodeProto) -> Step:
        operator = OPERATORS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        if operator is None or len(node.output) != 1:
            raise self._refusal(f"the operator {node.op_type} (node {node.name}) is unknown to it")
        attributes = {attribute.name: _attribute(attribute) for attribute in node.attribute}
        return Step(operator, attributes, tuple(node.input), node.output[0], ())

    def _run(self, step: Step, values: dict[str, Tensor]) -> Tensor:
        try:
            return step.operator(step.attributes, *(values[name] if name else None for name in step.reads))
        except UnsupportedError as error:
            raise self._refusal(str(error)) from error

    def _refusal(self, reason: str) -> ModelError:
        return ModelError(f"{self._path}: the torch backend cannot run it: {reason}.")


def tensor_from_proto(proto: onnx.TensorProto) -> Tensor:
    """Read a stored tensor; halves become float32 of the same value."""
    return torch.from_numpy(numpy_helper.to_array(proto).copy()).to(torch_dtype(proto.data_type))


def _attribute(attribute: onnx.AttributeProto) -> Any:  # noqa: ANN401  # numbers, texts, lists or tensors
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return tensor_from_proto(value)
    return value.decode() if isinstance(value, bytes) else value


def _with_last_uses(steps: Sequence[Step], keep: set[str]) -> list[Step]:
    """Note in each step which values nobody needs after it, so that they can be dropped there."""
    seen = set(keep)
    backwards = []
    for step in reversed(steps):
        last_used = {name for name in step.reads if name and name not in seen}
        seen |= last_used
        backwards.append(step._replace(last_used=tuple(last_used)))
    return backwards[::-1]

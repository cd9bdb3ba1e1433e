"""One execution: what lies at its addresses when its turn comes, and the arithmetic."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper

if TYPE_CHECKING:
    from .context import ExecutionContext
    from .graph import Value


class Execution:
    """An enqueued execution. Its stream calls `run` in a thread of its own, if captured at each launch.

    Attributes:
        stream: handle of the stream.
        is_captured: whether it is a node of a graph.
        done: set when it has run.
    """

    def __init__(self, context: ExecutionContext, stream: int, *, is_captured: bool) -> None:
        self.context = context
        self.addresses = dict(context.addresses)
        self.stream = stream
        self.is_captured = is_captured
        self.done = threading.Event()

    @property
    def reads(self) -> list[tuple[int, int]]:
        """Address and bytes of every input."""
        return [self._range(value) for value in self.context.engine.graph.inputs]

    @property
    def writes(self) -> list[tuple[int, int]]:
        """Address and bytes of every output, and of the context's own memory."""
        own = self.context.memory
        outputs = [self._range(value) for value in self.context.engine.graph.outputs]
        return [*outputs, (own.address, own.size)]

    def _range(self, value: Value) -> tuple[int, int]:
        return self.addresses[value.name], self.context.engine.sizes[value.name]

    def run(self, views: Any) -> None:
        """Read, compute, write; `views` are where the bytes of `reads` and then of `writes` are."""
        begun = time.perf_counter()
        try:
            self._compute(views)
        except Exception as error:  # nobody is above this, it is the emulator's thread
            print(f"the double of TensorRT: {error}", file=sys.stderr)
            self.context.broken = str(error)
        finally:
            self.context.end(self, time.perf_counter() - begun)
            self.done.set()

    def _compute(self, views: Any) -> None:
        engine = self.context.engine
        inputs, outputs = engine.graph.inputs, engine.graph.outputs
        arrays = [self._array(value, views[index]) for index, value in enumerate([*inputs, *outputs])]
        feeds = {value.name: array for value, array in zip(inputs, arrays, strict=False)}
        results = engine.session.run([value.name for value in outputs], feeds)
        for array, result in zip(arrays[len(inputs) :], results, strict=True):
            array[...] = result

    def _array(self, value: Value, view: int) -> Any:
        """The tensor's memory seen as an array; no copy."""
        memory = (ctypes.c_char * self.context.engine.sizes[value.name]).from_address(view)
        kind = np.dtype(helper.tensor_dtype_to_np_dtype(value.onnx_type))
        return np.frombuffer(memory, kind).reshape(self.context.get_tensor_shape(value.name).values)

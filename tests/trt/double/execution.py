"""One execution: the images and labels that lie at its addresses when its turn comes."""

from __future__ import annotations

import ctypes
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper

if TYPE_CHECKING:
    from .context import ExecutionContext


class Execution:
    """An enqueued execution. Its stream calls `run` in a thread of its own, if captured at each launch.

    Attributes:
        stream: handle of the stream.
        done: set when it has run.
        error: what the arithmetic raised; the device would be broken then.
    """

    def __init__(self, context: ExecutionContext, addresses: dict[str, int], stream: int) -> None:
        self.context = context
        self.addresses = addresses
        self.stream = stream
        self.done = threading.Event()
        self.error: Exception | None = None

    @property
    def reads(self) -> list[tuple[int, int]]:
        """Address and bytes of every input."""
        return [self._range(value.name) for value in self.context.engine.graph.inputs]

    @property
    def writes(self) -> list[tuple[int, int]]:
        """Address and bytes of every output."""
        return [self._range(value.name) for value in self.context.engine.graph.outputs]

    def _range(self, name: str) -> tuple[int, int]:
        return self.addresses[name], self.context.engine.sizes[name]

    def run(self) -> None:
        """Read, compute, write."""
        self.context.begin(self)
        begun = time.perf_counter()
        try:
            graph = self.context.engine.graph
            inputs = {value.name: self._array(value.name, value.onnx_type) for value in graph.inputs}
            results = self.context.engine.session.run([value.name for value in graph.outputs], inputs)
            for value, result in zip(graph.outputs, results, strict=True):
                self._array(value.name, value.onnx_type)[...] = result
        except Exception as error:  # this is a foreign thread; the context reports it
            self.error = error
        finally:
            self.context.end(self, time.perf_counter() - begun)
            self.done.set()

    def _array(self, name: str, onnx_type: int) -> Any:
        """The memory at the tensor's address, seen as an array; no copy."""
        kind = np.dtype(helper.tensor_dtype_to_np_dtype(onnx_type))
        address, size = self._range(name)
        memory = (ctypes.c_char * size).from_address(address)
        return np.frombuffer(memory, kind).reshape(self.context.get_tensor_shape(name).values)

"""IExecutionContext: addresses, and executions queued on a CUDA stream that run later, in stream order."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from . import streams
from .control import CONTROL
from .dims import Dims
from .execution import Execution
from .world import WORLD, Behaviour

if TYPE_CHECKING:
    from .engine import Engine

ON_DEFAULT_STREAM = (
    "Using default stream in enqueueV3() may lead to performance issues due to additional calls to "
    "cudaStreamSynchronize() by TensorRT to ensure correct synchronization. Please use non-default stream "
    "instead."
)

ACTIVATION_BYTES = 1 << 16

PROFILED_SECONDS = 60.0
"""How long an execution that emits its profile may take; then something hangs, and the enqueue fails."""


class ExecutionContext(Behaviour):
    """Behaviour of `IExecutionContext`; any thread may call it, one at a time."""

    path = "IExecutionContext"

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self.name = ""
        self.addresses: dict[str, int] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.profiler = None
        self.enqueue_emits_profile = True
        self.debug_sync = False
        self.persistent_cache_limit = 0
        self.nvtx_verbosity = engine.profiling_verbosity
        self.active_optimization_profile = 0
        self.has_run = False
        self.last_ms: float | None = None
        self.pending: set[Execution] = set()
        self.broken: str | None = None
        self.memory = streams.DeviceMemory(ACTIVATION_BYTES)
        self.lock = threading.Lock()

    def set_tensor_address(self, name: str, memory: int) -> bool:
        if name not in self.engine.values:
            return self._refuse("setTensorAddress", f"Given invalid tensor name: {name}")
        if CONTROL.fails("address"):
            return self._refuse("setTensorAddress", "a failure that the test asked for")
        if memory % 256 and memory:
            return self._refuse("setTensorAddress", f"{name}: address {memory:#x} is not 256-byte aligned")
        with self.lock:
            changed = self.addresses.get(name, memory) != memory
            if changed and self.pending:
                streams.note_violation(f"the address of {name} was changed while the context executes")
            self.addresses[name] = memory
        return True

    def get_tensor_address(self, name: str) -> int:
        return self.addresses.get(name, 0)

    def set_input_shape(self, name: str, shape: Any) -> bool:
        wanted = tuple(shape.values if isinstance(shape, Dims) else shape)
        if name not in {value.name for value in self.engine.graph.inputs}:
            return self._refuse("setInputShape", f"Given invalid tensor name: {name}")
        stored = self.engine.values[name].shape
        fits = len(wanted) == len(stored) and all(a in (-1, b) for a, b in zip(stored, wanted, strict=True))
        if not fits or CONTROL.fails("shape"):
            return self._refuse(
                "setInputShape", f"{name}: {wanted} does not match the static dimensions {stored}"
            )
        self.shapes[name] = wanted
        return True

    def get_tensor_shape(self, name: str) -> Dims:
        return Dims(self.shapes[name]) if name in self.shapes else self.engine.get_tensor_shape(name)

    def get_tensor_strides(self, name: str) -> Dims:
        shape = self.get_tensor_shape(name).values
        strides = [1] * len(shape)
        for axis in range(len(shape) - 2, -1, -1):
            strides[axis] = strides[axis + 1] * shape[axis + 1]
        return Dims(strides)

    def infer_shapes(self) -> list[str]:
        inputs = (value for value in self.engine.graph.inputs if -1 in value.shape)
        return [value.name for value in inputs if value.name not in self.shapes]

    def get_max_output_size(self, name: str) -> int:
        return self.engine.sizes.get(name, -1)

    def set_aux_streams(self, aux_streams: list[int]) -> None:
        """There is nothing to run beside the one stream."""

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool:  # noqa: ARG002
        if profile_index != 0:
            return self._refuse("setOptimizationProfileAsync", f"there is no profile {profile_index}")
        return True

    @property
    def all_binding_shapes_specified(self) -> bool:
        return not self.infer_shapes()

    def execute_async_v3(self, stream_handle: int) -> bool:
        objection = self._objection(stream_handle)
        if objection is None and CONTROL.fails("enqueue"):
            objection = "a failure that the test asked for"
        if objection is not None:
            return self._refuse("enqueueV3", objection)
        if not stream_handle:
            WORLD.log(self.engine.logger, "WARNING", ON_DEFAULT_STREAM)
        execution = Execution(self, stream_handle, is_captured=streams.is_capturing(stream_handle))
        with self.lock:
            if not execution.is_captured:
                self.pending.add(execution)
        failed = streams.enqueue(execution)
        if failed:
            self.pending.discard(execution)
            return self._refuse("enqueueV3", f"CUDA error {failed}")
        self.has_run = True
        if self.profiler is not None and self.enqueue_emits_profile and not execution.is_captured:
            return self._emit_profile(execution)
        return True

    def _objection(self, stream: int) -> str | None:
        if not streams.is_there():
            return "CUDA error 100: no CUDA-capable device is detected"
        missing = [name for name in self.engine.values if not self.addresses.get(name)]
        if missing:
            return f"Address is not set for tensor {missing[0]}. Call setTensorAddress before enqueueV3."
        if self.infer_shapes():
            return f"The shape of {self.infer_shapes()[0]} is not specified."
        if streams.is_capturing(stream) and not self.has_run:
            return "a first execution cannot be captured: run it once before the capture"
        return self.broken

    def _emit_profile(self, execution: Execution) -> bool:
        """Wait for the end and report; an enqueue with a profiler is synchronous in TensorRT, too."""
        if not execution.done.wait(PROFILED_SECONDS):
            return self._refuse("enqueueV3", "the profiled execution does not end")
        return self.report_to_profiler()

    def report_to_profiler(self) -> bool:
        if self.profiler is None or self.last_ms is None:
            return False
        shares = zip(self.engine.graph.layer_names(), self.engine.node_weights(), strict=True)
        for name, share in shares:
            self.profiler.report_layer_time(name, self.last_ms * share)
        return True

    def end(self, execution: Execution, seconds: float) -> None:
        """An execution is over; in its stream's thread."""
        with self.lock:
            self.last_ms = seconds * 1000
            self.pending.discard(execution)

    def deleted(self) -> None:
        """Nobody has it any more; the emulator knows whether it still executes."""
        self.memory.free()
        self.engine.contexts -= 1
        self.engine.free_if_unused()

    def _refuse(self, function: str, reason: str) -> bool:
        WORLD.refuse(
            self.engine.logger, f"IExecutionContext::{function}: Error Code 3: API Usage Error ({reason})"
        )
        return False

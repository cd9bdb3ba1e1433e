"""ICudaEngine: what a plan takes and gives, and contexts to execute it in."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

import onnx

from . import streams
from .context import ExecutionContext
from .control import CONTROL
from .dims import Dims
from .graph import Graph
from .inspector import EngineInspector
from .memory import HostMemory
from .world import WORLD, Behaviour

if TYPE_CHECKING:
    from .graph import Value
    from .plan import Plan
    from .runtime import Runtime


WEIGHT_BYTES = 1 << 16


class Engine(Behaviour):
    """Behaviour of `ICudaEngine`."""

    path = "ICudaEngine"

    def __init__(self, plan: Plan, runtime: Runtime) -> None:
        super().__init__()
        self.plan = plan
        self.runtime = runtime
        self.graph = Graph(plan.onnx)
        self.values: dict[str, Value] = {
            value.name: value for value in (*self.graph.inputs, *self.graph.outputs)
        }
        self.name = self.graph.model.graph.name or "Unnamed Network 0"
        self.num_optimization_profiles = 1
        self.refittable = "REFIT" in plan.flags
        self.num_aux_streams = 0
        self.tactic_sources = 0
        self.contexts = 0
        self.weights = streams.DeviceMemory(WEIGHT_BYTES)
        self._session: Any = None
        self.network: Any = None
        self._lock = threading.Lock()

    def deleted(self) -> None:
        """The user has dropped it; the bindings keep it for its contexts, but other languages do not."""
        if self.contexts:
            streams.note_violation("an engine was let go of before its contexts")
        self.free_if_unused()

    def free_if_unused(self) -> None:
        """Give the weights back as soon as neither the user nor a context has it."""
        if self.contexts == 0 and self.face is None:
            self.weights.free()

    @property
    def session(self) -> Any:
        """The ONNX Runtime session that does the arithmetic, shared by all contexts."""
        from rtseg.runtimes import load_onnxruntime

        with self._lock:
            if self._session is None:
                ort = load_onnxruntime()
                options = ort.SessionOptions()
                options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
                options.log_severity_level = 3
                options.intra_op_num_threads = CONTROL.threads
                options.add_session_config_entry("session.intra_op.allow_spinning", "0")
                self._session = ort.InferenceSession(
                    self.plan.onnx, options, providers=["CPUExecutionProvider"]
                )
            return self._session

    @property
    def logger(self) -> Any:
        return self.runtime.logger

    @property
    def num_io_tensors(self) -> int:
        return len(self.values)

    num_bindings = num_io_tensors

    @property
    def num_layers(self) -> int:
        return len(self.graph.nodes)

    @property
    def device_memory_size(self) -> int:
        return 1 << 20

    device_memory_size_v2 = device_memory_size

    @property
    def engine_capability(self) -> Any:
        return WORLD.enum("EngineCapability", "STANDARD")

    @property
    def hardware_compatibility_level(self) -> Any:
        return WORLD.enum("HardwareCompatibilityLevel", self.plan.hardware)

    @property
    def profiling_verbosity(self) -> Any:
        return WORLD.enum("ProfilingVerbosity", self.plan.verbosity)

    @property
    def has_implicit_batch_dimension(self) -> bool:
        return False

    def get_tensor_name(self, index: int) -> str:
        names = list(self.values)
        return names[index] if 0 <= index < len(names) else self._unknown(f"index {index}", "")

    def __getitem__(self, index: int) -> str:
        if isinstance(index, str):
            return list(self.values).index(index)
        return list(self.values)[index]

    def __len__(self) -> int:
        return len(self.values)

    def get_tensor_mode(self, name: str) -> Any:
        inputs = {value.name for value in self.graph.inputs}
        kind = "INPUT" if name in inputs else "OUTPUT" if name in self.values else "NONE"
        return WORLD.enum("TensorIOMode", kind)

    def get_tensor_shape(self, name: str) -> Dims:
        if name not in self.values:
            return self._unknown(name, Dims(()))
        return Dims(self.values[name].shape)

    def get_tensor_dtype(self, name: str) -> Any:
        kind = self.values[name].trt_type if name in self.values else self._unknown(name, "FLOAT")
        if kind == "INT64" and WORLD.number < (10,):
            kind = "INT32"
        return WORLD.enum("DataType", kind)

    def get_tensor_location(self, name: str) -> Any:  # noqa: ARG002
        return WORLD.enum("TensorLocation", "DEVICE")

    def get_tensor_format(self, name: str, profile_index: int = 0) -> Any:  # noqa: ARG002
        return WORLD.enum("TensorFormat", "LINEAR")

    def get_tensor_format_desc(self, name: str, profile_index: int = 0) -> str:  # noqa: ARG002
        return "Row major linear format (kLINEAR)"

    def get_tensor_bytes_per_component(self, name: str, profile_index: int = 0) -> int:  # noqa: ARG002
        return int(self.get_tensor_dtype(name).itemsize)

    def get_tensor_components_per_element(self, name: str, profile_index: int = 0) -> int:  # noqa: ARG002
        return 1

    def get_tensor_vectorized_dim(self, name: str, profile_index: int = 0) -> int:  # noqa: ARG002
        return -1

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[Dims]:  # noqa: ARG002
        return [self.get_tensor_shape(name) for _ in range(3)]

    def is_shape_inference_io(self, name: str) -> bool:  # noqa: ARG002
        return False

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Bytes of each input and output."""
        return {name: self._bytes(name) for name in self.values}

    def _bytes(self, name: str) -> int:
        count = 1
        for extent in self.values[name].shape:
            count *= max(extent, 1)
        return int(count * self.get_tensor_dtype(name).itemsize)

    def create_execution_context(self, strategy: Any = None) -> ExecutionContext | None:  # noqa: ARG002
        if CONTROL.fails("context_memory"):
            return WORLD.refuse(
                self.logger,
                "ICudaEngine::createExecutionContext: Error Code 2: OutOfMemory "
                "(Requested size was 1048576 bytes.)",
            )
        context = ExecutionContext(self)
        if context.memory.error:
            return WORLD.refuse(
                self.logger, f"ICudaEngine::createExecutionContext: CUDA error {context.memory.error}"
            )
        self.contexts += 1
        return context

    def create_engine_inspector(self) -> EngineInspector:
        return EngineInspector(self)

    def serialize(self) -> HostMemory:
        return HostMemory(self.plan.to_bytes())

    def _unknown(self, name: str, answer: Any) -> Any:
        WORLD.refuse(
            self.logger, f"ICudaEngine: Error Code 3: Internal Error (Given invalid tensor name: {name})"
        )
        return answer

    def node_weights(self) -> list[float]:
        """Shares of the whole time, by layer: a convolution counts as much as ten of the others."""
        costs = [10.0 if node.op_type == "Conv" else 1.0 for node in self.graph.nodes]
        return [cost / sum(costs) for cost in costs]

    def type_name(self, onnx_type: int) -> str:
        return onnx.TensorProto.DataType.Name(onnx_type)

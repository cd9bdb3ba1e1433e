"""A plan, loaded: what it takes and gives, and contexts to execute it in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtseg.errors import DeviceError, PlanError
from rtseg.tensorrt.logger import the_log

if TYPE_CHECKING:
    import tensorrt as trt

    from rtseg.tensorrt.plan import Plan
else:
    from rtseg.runtimes import load_tensorrt

    trt = load_tensorrt()

IMAGE, LABELS = "image", "labels"


class DoesNotLoad(PlanError):
    """TensorRT does not take the plan; built anew it may."""


class Engine:
    """TensorRT's engine and the runtime that it belongs to. All calls need the context pushed."""

    def __init__(self, plan: Plan, input_hw: tuple[int, int]) -> None:
        """Load a plan that is trusted.

        Args:
            plan: the plan.
            input_hw: height and width of the model's image.

        Raises:
            DoesNotLoad: TensorRT does not take it, or there is no room on the GPU.
            PlanError: it takes or gives something else than the model.
        """
        self._runtime: trt.Runtime | None = trt.Runtime(the_log())
        if plan.needs_host_code:
            self._runtime.engine_host_code_allowed = True
        if plan.dla_core is not None:
            self._runtime.DLA_core = plan.dla_core
        # Nowhere else, as the frames of an error live as long as it, and so longer than the context.
        self._engine: trt.ICudaEngine | None = self._runtime.deserialize_cuda_engine(plan.content)
        if self._engine is None:
            self._runtime = None
            raise DoesNotLoad(
                f"{plan.path}: TensorRT {trt.__version__} does not load it: {the_log().take_reason()}.\n"
                "Build it anew with `rtseg build --force`."
            )
        found, wanted = _signature(self._engine), _signature_of(input_hw)
        if found != wanted:
            self.close()
            raise PlanError(
                f"{plan.path}: not a plan of this model: it has {_words(found)} instead of {_words(wanted)}."
            )

    @property
    def engine(self) -> trt.ICudaEngine:
        """TensorRT's engine; not to be kept beyond `close`."""
        assert self._engine is not None
        return self._engine

    def new_context(self) -> trt.IExecutionContext:
        """Room for one execution at a time; to be dropped before `close`.

        Raises:
            DeviceError: there is no room on the GPU.
        """
        context: trt.IExecutionContext | None = self.engine.create_execution_context()
        if context is None:
            raise DeviceError(
                f"the model does not fit on the GPU: {the_log().take_reason()}.\n"
                "Does another program fill it? `nvidia-smi` shows which."
            )
        return context

    def close(self) -> None:
        """Let go of engine and runtime, in this order; may be called again."""
        self._engine = None
        self._runtime = None


Signature = dict[str, tuple[str, str, tuple[int, ...]]]
"""By name: input or output, type, shape."""


def _signature(engine: trt.ICudaEngine) -> Signature:
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    return {
        name: (
            engine.get_tensor_mode(name).name.lower(),
            engine.get_tensor_dtype(name).name.lower(),
            _tuple_from_dims(engine.get_tensor_shape(name)),
        )
        for name in names
    }


def _tuple_from_dims(dims: trt.Dims) -> tuple[int, ...]:
    return tuple(dims[index] for index in range(len(dims)))


def _signature_of(input_hw: tuple[int, int]) -> Signature:
    height, width = input_hw
    return {
        IMAGE: ("input", "uint8", (1, height, width, 3)),
        LABELS: ("output", "uint8", (1, height, width)),
    }


def _words(signature: Signature) -> str:
    return ", ".join(
        f"{mode} {name}: {kind} {list(shape)}" for name, (mode, kind, shape) in signature.items()
    )

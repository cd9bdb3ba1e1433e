"""TensorRT on an NVIDIA GPU."""

from __future__ import annotations

import importlib.metadata
import queue
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rtseg.backends.base import Backend
from rtseg.cuda.device import Device, forsake, gpu_at
from rtseg.errors import InputError, PlanError
from rtseg.tensorrt.cache import Terms, fetch, load_plan, order_for
from rtseg.tensorrt.options import PREFERRED_PRECISIONS, BuildOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rtseg.metadata import Precision
    from rtseg.model import Model
    from rtseg.tensorrt.engine import Engine
    from rtseg.tensorrt.lane import Lane
    from rtseg.tensorrt.plan import Plan

MOST_LANES = 3
"""One copies to the GPU, one computes, one copies back; more would only wait."""

_DISTRIBUTIONS = ("tensorrt", "tensorrt-cu12", "tensorrt-cu13")
"""Names that TensorRT's Python package is installed under."""


class TensorRtBackend(Backend):
    """A plan, in as many lanes as images may be under way; each has its stream, context and buffers.

    The plan is taken from where it is kept, or built on first use; see `rtseg.tensorrt`. Only the image and
    the labels cross the bus, a byte a value.
    """

    name: ClassVar[str] = "tensorrt"
    distributions: ClassVar[tuple[str, ...]] = ("tensorrt", "pycuda")
    has_streams: ClassVar[bool] = True
    preferred_precisions: ClassVar[tuple[Precision, ...]] = PREFERRED_PRECISIONS
    named_plan: ClassVar[Path | None] = None

    def __init__(self, model: Model, *, threads: int | None = None, streams: int = 1) -> None:
        """Keep `model`; `threads` is without effect, `streams` counts up to `MOST_LANES`."""
        super().__init__(model, threads=threads, streams=min(streams, MOST_LANES))
        self._terms = Terms()
        self._plan: Plan | None = None
        self._device: Device | None = None
        self._engine: Engine | None = None
        self._all_lanes: list[Lane] = []
        self._free_lanes: queue.SimpleQueue[Lane] = queue.SimpleQueue()

    @classmethod
    def running(cls, plan: str) -> type[TensorRtBackend]:
        """Return this class, bound to the plan in a file."""
        return type(cls.__name__, (cls,), {"named_plan": Path(plan), "__doc__": cls.__doc__})

    @classmethod
    def version(cls) -> str | None:
        """Return TensorRT's version, or None where it or pycuda is not installed."""
        try:
            importlib.metadata.version("pycuda")
        except importlib.metadata.PackageNotFoundError:
            return None
        for name in _DISTRIBUTIONS:
            try:
                return importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
        return None

    @property
    def lanes(self) -> list[Lane]:
        """The lanes, while it is open; for measuring."""
        return self._all_lanes

    def prepare(self, terms: Terms) -> None:
        """Have the plan, which takes minutes where it has to be built; `open` does not do it again."""
        self._terms = terms
        self._plan = self._fetch(terms)

    def settings(self) -> dict[str, Any]:
        """What trtexec would have been told."""
        assert self._device is not None
        return {
            "transfers": "none, mapped memory" if self._device.gpu.is_integrated else "on, copied",
            "cuda_graph": "on" if all(lane.has_graph for lane in self._all_lanes) else "refused",
            "spin_wait": "off",
        }

    def enter(self) -> ExitStack:
        """Make the context current in this thread until the stack is closed; only while it is open."""
        assert self._device is not None
        stack = ExitStack()
        stack.enter_context(self._device.entered())
        return stack

    def _open(self) -> None:
        plan = self._plan or self._fetch(self._terms)
        self._plan = None  # its bytes are needed no more, and a later `open` looks again
        self._device = Device()
        self.device = self._device.gpu.name
        with self._device.pushed():
            self._engine = self._load(plan)
            self._make_lanes(self._engine)

    def _infer(self, image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        assert self._device is not None
        lane = self._free_lanes.get()
        try:
            with self._device.entered():
                # Copied: whoever gets the lane next writes there.
                labels: NDArray[np.uint8] = lane.run(image_rgb).copy()
        finally:
            self._free_lanes.put(lane)
        return labels

    def _close(self) -> None:
        device, self._device = self._device, None
        if device is None:
            return
        lanes, self._all_lanes = self._all_lanes, []
        engine, self._engine = self._engine, None
        self._free_lanes = queue.SimpleQueue()
        if device.is_sound:
            from rtseg.tensorrt.lane import free

            with device.pushed():
                free(lanes, engine)
        else:
            forsake(lanes, engine)
        device.close()

    def _make_lanes(self, engine: Engine) -> None:
        from rtseg.tensorrt.lane import Lane

        assert self._device is not None
        for _ in range(self.streams):
            lane = Lane()
            self._all_lanes.append(lane)
            lane.open(engine, self._device.gpu, self.model.input_hw)
            self._free_lanes.put(lane)

    def _load(self, plan: Plan) -> Engine:
        """Load the plan; one that was kept and that TensorRT does not take is built anew, once."""
        from rtseg.tensorrt.engine import DoesNotLoad, Engine

        try:
            return Engine(plan, self.model.input_hw)
        except DoesNotLoad as error:
            if plan.is_new or self.named_plan is not None:
                raise
            self._terms.notice(f"{str(error).splitlines()[0]} It is built anew.")
            return Engine(self._fetch(self._terms, force=True), self.model.input_hw)

    def _fetch(self, terms: Terms, *, force: bool = False) -> Plan:
        gpu = gpu_at()
        if self.named_plan is None:
            again = Terms(notice=terms.notice, trust=terms.trust, force=force, watcher=terms.watcher)
            return fetch(order_for(self.model, gpu, BuildOptions()), again)
        plan = load_plan(self.named_plan, gpu, trust=terms.trust)
        if plan.record is not None and plan.record.key.onnx_sha256 != self.model.sha256:
            raise PlanError(
                f"{plan.path}: built from another file than {self.model.path}.\n"
                "Give its --model, or build it anew with `rtseg build`."
            )
        return plan


def is_usable() -> bool:
    """Whether TensorRT, pycuda and a GPU are here; makes no context."""
    if TensorRtBackend.version() is None:
        return False
    try:
        gpu_at()
    except InputError:
        return False
    return True

"""One image at a time through an engine; several lanes overlap their copies and their computing."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rtseg.cuda.buffers import Buffer, buffer_for
from rtseg.cuda.device import fault_from
from rtseg.cuda.graph import Graph
from rtseg.errors import DeviceFault
from rtseg.runtimes import load_pycuda
from rtseg.tensorrt.engine import IMAGE, LABELS
from rtseg.tensorrt.logger import the_log

if TYPE_CHECKING:
    from collections.abc import Sequence

    import tensorrt as trt
    from numpy.typing import NDArray

    from rtseg.cuda.device import Gpu
    from rtseg.tensorrt.engine import Engine

_NON_BLOCKING = 1
"""CU_STREAM_NON_BLOCKING: no waiting for what others do on the default stream."""

_BEGIN, _COPIED, _COMPUTED, _END = range(4)
"""The events of a lane."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long one image took, milliseconds; the first three by the GPU's clock.

    Attributes:
        h2d: the image's copy to the GPU.
        compute: the network.
        d2h: the labels' copy to the host.
        enqueue: the host's time for queueing the network.
    """

    h2d: float
    compute: float
    d2h: float
    enqueue: float

    @property
    def latency(self) -> float:
        """What trtexec calls latency: from the beginning of the first copy to the end of the last."""
        return self.h2d + self.compute + self.d2h


class Lane:
    """A stream, a context and the buffers of one image, made once. All calls need the context pushed.

    The stages of `run` are marked by events; the network's part is a CUDA graph where that can be had.
    One thread at a time.

    Attributes:
        has_graph: whether the network is launched as a graph.
    """

    def __init__(self) -> None:
        driver = load_pycuda()
        self._driver, self._error = driver, driver.Error
        self._stream: Any = None
        self._events: list[Any] = []
        self._buffers: dict[str, Buffer] = {}
        self._context: trt.IExecutionContext | None = None
        self._graph: Graph | None = None
        self._enqueue_ms = 0.0

    def open(self, engine: Engine, gpu: Gpu, input_hw: tuple[int, int], *, with_graph: bool = True) -> None:
        """Make all that it needs, and run it once on what is in memory. If it raises, `close` is still due.

        Args:
            engine: the engine.
            gpu: on which it is.
            input_hw: height and width of the model's image.
            with_graph: whether to try for a graph.

        Raises:
            DeviceError: there is no room on the GPU for another context.
            DeviceFault: TensorRT or the GPU refuses.
        """
        try:
            self._set_up(engine, gpu, input_hw)
        except self._error as error:
            raise DeviceFault(f"the GPU cannot be set up: {error}") from _without_frames(error)
        if with_graph:
            self._graph = Graph.recorded(self._handle, self._execute)
            the_log().take_reason()  # what was said of a failed recording is nobody's error

    @property
    def has_graph(self) -> bool:
        """Whether the network is launched as a graph."""
        return self._graph is not None

    @property
    def times(self) -> Times:
        """How long the last `run` took."""
        begin, copied, computed, end = self._events
        return Times(
            h2d=copied.time_since(begin),
            compute=computed.time_since(copied),
            d2h=end.time_since(computed),
            enqueue=self._enqueue_ms,
        )

    @property
    def span(self) -> tuple[Any, Any]:
        """The events at the beginning and the end of the last `run`; the next one moves them."""
        return self._events[_BEGIN], self._events[_END]

    def run(self, image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Label an image and wait for it.

        Args:
            image_rgb: uint8, (H, W, 3), of the model's size.

        Returns:
            Labels, uint8, (H, W): a view of pinned memory that the next `run` writes into.

        Raises:
            DeviceFault: TensorRT refuses, or the GPU failed.
        """
        self.start(image_rgb)
        return self.wait()

    def start(self, image_rgb: NDArray[np.uint8]) -> None:
        """The first half of `run`: queue everything and return at once. `wait` must come before the next."""
        np.copyto(self._buffers[IMAGE].host, image_rgb)
        try:
            self._queue(self._launch if self._graph is not None else self._execute)
        except self._error as error:
            self._settle()
            raise fault_from(error) from _without_frames(error)

    def wait(self) -> NDArray[np.uint8]:
        """The second half of `run`: sleep until the labels are there."""
        try:
            self._events[_END].synchronize()
        except self._error as error:
            self._settle()
            raise fault_from(error) from _without_frames(error)
        return self._buffers[LABELS].host

    def watch(self, profiler: trt.IProfiler) -> None:
        """Have TensorRT tell `profiler` each layer's time in every `run`, which then waits in between.

        Only for a lane without a graph, as the layers of a graph are not told apart.
        """
        assert self._context is not None
        assert self._graph is None
        self._context.profiler = profiler

    def finish(self) -> None:
        """Wait for all that was queued, then let go of graph and context; the engine may go next."""
        self._settle()
        if self._graph is not None:
            self._graph.close()
        self._graph = None
        self._context = None

    def close(self) -> None:
        """Free what is left, after `finish`; may be called again."""
        buffers, self._buffers = self._buffers, {}
        for buffer in buffers.values():
            with suppress(self._error):  # after a fault everything that is queued or freed fails alike
                buffer.free()
        self._events = []
        self._stream = None

    def _set_up(self, engine: Engine, gpu: Gpu, input_hw: tuple[int, int]) -> None:
        driver = self._driver
        self._context = engine.new_context()
        self._stream = driver.Stream(_NON_BLOCKING)
        self._handle = int(self._stream.handle)
        self._events = [driver.Event() for _ in range(3)]
        # Sleeps instead of spinning: the other stages want the core.
        self._events.append(driver.Event(driver.event_flags.BLOCKING_SYNC))
        for name, shape in ((IMAGE, (*input_hw, 3)), (LABELS, input_hw)):
            self._buffers[name] = buffer_for(gpu, shape)
            self._buffers[name].host[:] = 0
            if not self._context.set_tensor_address(name, self._buffers[name].address):
                raise DeviceFault(f"TensorRT does not take the buffer of {name}: {the_log().take_reason()}.")
        # TensorRT sets things up in the first execution, which therefore cannot be recorded.
        self._queue(self._execute)
        self._stream.synchronize()

    def _queue(self, network: Any) -> None:  # noqa: ANN401
        """Queue all that makes labels of the image, with a mark before and after each part."""
        self._mark(_BEGIN)
        self._buffers[IMAGE].upload(self._stream)
        self._mark(_COPIED)
        begun = time.perf_counter()
        is_queued = network()
        self._enqueue_ms = (time.perf_counter() - begun) * 1e3
        if not is_queued:
            self._stream.synchronize()  # raises where it was the GPU that failed, in another lane perhaps
            raise DeviceFault(f"TensorRT does not run the model: {the_log().take_reason()}.")
        self._mark(_COMPUTED)
        self._buffers[LABELS].download(self._stream)
        self._mark(_END)

    def _mark(self, event: int) -> None:
        self._events[event].record(self._stream)

    def _settle(self) -> None:
        """Wait until nothing that was queued uses the buffers any more."""
        if self._stream is not None:
            with suppress(self._error):
                self._stream.synchronize()

    def _execute(self) -> bool:
        assert self._context is not None
        return bool(self._context.execute_async_v3(self._handle))

    def _launch(self) -> bool:
        assert self._graph is not None
        return self._graph.launch(self._handle)


def free(lanes: Sequence[Lane], engine: Engine | None) -> None:
    """Free everything, in TensorRT's order: contexts, engine and runtime, then what they worked with."""
    for lane in lanes:
        lane.finish()
    if engine is not None:
        engine.close()
    for lane in lanes:
        lane.close()


def _without_frames(error: BaseException) -> BaseException:
    """The error without its traceback: pycuda frees events and streams once nobody refers to them."""
    return error.with_traceback(None)

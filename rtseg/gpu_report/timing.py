"""Images through a plan, timed as trtexec does it, with transfers and without spinning."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtseg.gpu_report import figures
from rtseg.gpu_report.opened import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rtseg.gpu_report.opened import Opened
    from rtseg.tensorrt.lane import Lane, Times
    from rtseg.tensorrt.plan import Plan

WARM_UP_S, LEAST_S, LEAST_IMAGES = 0.2, 3.0, 10
"""trtexec's defaults: what is left out at the beginning, and how much is measured at least."""

KINDS = ("latency", "h2d", "compute", "d2h", "enqueue")


@dataclass(frozen=True, slots=True)
class Trace:
    """One image.

    Attributes:
        begin: of its copy to the GPU, milliseconds of the GPU's clock since a moment before all of them.
        end: of its copy to the host, likewise.
        times: how long each part took.
    """

    begin: float
    end: float
    times: Times


@dataclass(frozen=True, slots=True)
class Mode:
    """How images are sent.

    Attributes:
        lanes: how many are under way at the same time.
        with_graph: whether the network is launched as a CUDA graph.
    """

    lanes: int
    with_graph: bool

    @property
    def name(self) -> str:
        """For people and file names."""
        return f"{self.lanes}-lane{'s' * (self.lanes > 1)}-{'graph' if self.with_graph else 'no-graph'}"


MODES = (Mode(1, False), Mode(1, True), Mode(3, False), Mode(3, True))


@dataclass(frozen=True, slots=True)
class Timing:
    """What was measured.

    Attributes:
        mode: how it was to be done.
        has_graph: whether there really was a graph.
        is_copied: whether image and labels are copied, or used where they lie in memory.
        traces: after the warm-up, in the order in which they ended.
    """

    mode: Mode
    has_graph: bool
    is_copied: bool
    traces: list[Trace]

    def facts(self) -> dict[str, Any]:
        """The figures, ready for JSON; milliseconds, and images a second."""
        times = self.by_kind()
        return {
            "mode": {
                "lanes": self.mode.lanes,
                "cuda_graph": "on" if self.has_graph else "refused" if self.mode.with_graph else "off",
                "transfers": "on, copied" if self.is_copied else "none, mapped memory",
                "spin_wait": "off",
            },
            "images": len(self.traces),
            "throughput_qps": self.throughput(),
            **{f"{kind}_ms": figures.summary(times[kind]) for kind in KINDS},
            "compute_variation_percent": figures.variation_percent(times["compute"]),
            "warnings": figures.warnings(times),
        }

    def throughput(self) -> float:
        """Images a second, from the first copy's begin to the last one's end."""
        span_ms = max(trace.end for trace in self.traces) - min(trace.begin for trace in self.traces)
        return 1000 * len(self.traces) / span_ms

    def by_kind(self) -> dict[str, list[float]]:
        """The times by their kind, milliseconds."""
        return {kind: [getattr(trace.times, kind) for trace in self.traces] for kind in KINDS}

    def as_csv(self) -> str:
        """All images, a line each."""
        lines = ["begin_ms,end_ms," + ",".join(f"{kind}_ms" for kind in KINDS)]
        for trace in self.traces:
            values = (trace.begin, trace.end, *(getattr(trace.times, kind) for kind in KINDS))
            lines.append(",".join(f"{value:.4f}" for value in values))
        return "\n".join(lines) + "\n"


def timing(
    plan: Plan,
    input_hw: tuple[int, int],
    images_rgb: Sequence[NDArray[np.uint8]],
    mode: Mode,
    check_stopped: Callable[[], None],
) -> Timing:
    """Send images through a plan for a while, in turns.

    Args:
        plan: the plan.
        input_hw: height and width of the model's image.
        images_rgb: uint8, (H, W, 3) each.
        mode: how.
        check_stopped: called before each image; raises Interrupted to end it.

    Raises:
        InputError, DeviceFault: what `opened` raises, or the GPU failed.
        Interrupted: `check_stopped` did.
    """
    with opened(plan, input_hw, lanes=mode.lanes, with_graph=mode.with_graph) as found:
        _send(found, images_rgb, WARM_UP_S, 1, check_stopped)
        traces = _send(found, images_rgb, LEAST_S, LEAST_IMAGES, check_stopped)
        has_graph = all(lane.has_graph for lane in found.lanes)
        return Timing(mode, has_graph, not found.is_integrated, traces)


def _send(
    found: Opened,
    images_rgb: Sequence[NDArray[np.uint8]],
    seconds: float,
    least: int,
    check_stopped: Callable[[], None],
) -> list[Trace]:
    """Keep all lanes busy; what is under way at the end is finished and counts."""
    traces: list[Trace] = []
    begun, sent = time.perf_counter(), 0
    under_way: list[Lane] = []
    while sent < least or time.perf_counter() - begun < seconds:
        check_stopped()
        lane = found.lanes[sent % len(found.lanes)]
        if lane in under_way:
            traces.append(_trace(lane, found.zero))
            under_way.remove(lane)
        lane.start(images_rgb[sent % len(images_rgb)])
        under_way.append(lane)
        sent += 1
    return traces + [_trace(lane, found.zero) for lane in under_way]


def _trace(lane: Lane, zero: Any) -> Trace:  # noqa: ANN401  # pycuda has no types
    """Wait for a lane, and read its clocks."""
    lane.wait()
    begin, end = lane.span
    return Trace(begin.time_since(zero), end.time_since(zero), lane.times)

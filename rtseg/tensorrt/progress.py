"""The builder's progress; TensorRT 10 and newer."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from rtseg.tensorrt.job import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    import tensorrt as trt
else:
    from rtseg.runtimes import load_tensorrt

    trt = load_tensorrt()

_NEXT_REPORT_S = 0.1
"""Between two reports of steps; TensorRT may take thousands a second."""


class Monitor(trt.IProgressMonitor):
    """Passes on what the builder does, and ends the build when it is asked to.

    TensorRT calls it from several threads; what it raises would be lost, so it raises nothing.
    """

    def __init__(self, report: Callable[[Progress], None], is_cancelled: Callable[[], bool]) -> None:
        """Keep what to call.

        Args:
            report: told of the begin and end of a phase, and of steps a few times a second.
            is_cancelled: asked after each step; True ends the build, which then gives no plan.
        """
        trt.IProgressMonitor.__init__(self)
        self._report = report
        self._is_cancelled = is_cancelled
        self._lock = threading.Lock()
        self._running: dict[str, Progress] = {}
        self._next_report = 0.0

    def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
        """A phase begins, inside `parent_phase` if that is not None."""
        with self._lock:
            parent = self._running.get(parent_phase) if parent_phase is not None else None
            depth = 0 if parent is None else parent.depth + 1
            self._note(Progress(phase_name, depth, 0, num_steps))

    def step_complete(self, phase_name: str, step: int) -> bool:
        """Step number `step` of a phase is done; tells whether to go on."""
        with self._lock:
            phase = self._running.get(phase_name)
            if phase is not None:
                moved = Progress(phase.phase, phase.depth, step + 1, phase.total)
                self._running[phase_name] = moved
                if time.monotonic() >= self._next_report:
                    self._note(moved)
        return not self._is_cancelled()

    def phase_finish(self, phase_name: str) -> None:
        """A phase is over, with all steps done or not."""
        with self._lock:
            phase = self._running.pop(phase_name, None)
            if phase is not None:
                self._report(Progress(phase.phase, phase.depth, phase.total, phase.total))

    def _note(self, progress: Progress) -> None:
        self._running[progress.phase] = progress
        self._next_report = time.monotonic() + _NEXT_REPORT_S
        self._report(progress)


def watch(config: trt.IBuilderConfig, monitor: Monitor) -> None:
    """Have the builder tell `monitor`, which must live until the build is over."""
    config.progress_monitor = monitor

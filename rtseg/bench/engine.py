"""The backend alone, warm: one image after the other, and as many at once as it has streams."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rtseg.backends.tensorrt import TensorRtBackend
from rtseg.gpu_report import figures as trtexec
from rtseg.gpu_report.timing import KINDS, WARM_UP_S
from rtseg.pipeline.clock import NS_PER_S, ms_from_ns, ns_from_s

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rtseg.backends.base import Backend

LEAST_IMAGES = 10


@dataclass(frozen=True, slots=True)
class EngineRun:
    """How long a backend took.

    Attributes:
        ms: of each image after the warm-up, in the order in which they ended, milliseconds.
        fps: (n − 1) / t, t from the end of the first image to that of the last.
        settings: streams, threads, and what the runtime says of itself.
        terms: the parts of each time by trtexec's names, milliseconds; empty but for TensorRT.
    """

    ms: list[float]
    fps: float
    settings: dict[str, Any]
    terms: dict[str, list[float]] = field(default_factory=dict)


def engine_run(
    backend: Backend,
    images_rgb: Sequence[NDArray[np.uint8]],
    seconds: float,
    check_stopped: Callable[[], None],
) -> EngineRun:
    """Open a backend, warm it up, and time it from as many threads as it has streams.

    What is timed is `Backend.infer`, so with the copy of the labels, and on a GPU both copies.

    Args:
        backend: not open; closed afterwards.
        images_rgb: uint8, (H, W, 3), of the model's size; at least one, taken in turns.
        seconds: how long, about; `LEAST_IMAGES` an image's thread at least.
        check_stopped: called before each image; raises Interrupted to end it.

    Raises:
        InputError, DeviceFault: the backend cannot be opened, or failed.
        Interrupted: `check_stopped` did.
    """
    with backend:
        if backend.streams == 1:
            times, terms = _send(backend, images_rgb, seconds, check_stopped)
        else:
            with ThreadPoolExecutor(backend.streams, thread_name_prefix="engine") as threads:
                sent = [
                    threads.submit(_send, backend, images_rgb, seconds, check_stopped)
                    for _ in range(backend.streams)
                ]
                times = sorted(pair for future in sent for pair in future.result()[0])
            terms = {}
        settings = {"streams": backend.streams, "threads": backend.threads, **backend.settings()}
    return EngineRun([ms_from_ns(duration) for _, duration in times], _fps(times), settings, terms)


def _send(
    backend: Backend,
    images_rgb: Sequence[NDArray[np.uint8]],
    seconds: float,
    check_stopped: Callable[[], None],
) -> tuple[list[tuple[int, int]], dict[str, list[float]]]:
    """End and duration of each image, nanoseconds; and trtexec's terms."""
    times: list[tuple[int, int]] = []
    terms: dict[str, list[float]] = {}
    on_gpu = backend if isinstance(backend, TensorRtBackend) and backend.streams == 1 else None
    warm_ns = time.perf_counter_ns() + ns_from_s(min(WARM_UP_S, seconds))
    over_ns = warm_ns + ns_from_s(seconds)
    sent = 0
    while (begun_ns := time.perf_counter_ns()) < over_ns or len(times) < LEAST_IMAGES:
        check_stopped()
        backend.infer(images_rgb[sent % len(images_rgb)])
        ended_ns = time.perf_counter_ns()
        sent += 1
        if begun_ns < warm_ns:
            continue
        times.append((ended_ns, ended_ns - begun_ns))
        if on_gpu is not None:
            with on_gpu.enter():
                parts = on_gpu.lanes[0].times
            for kind in KINDS:
                terms.setdefault(kind, []).append(getattr(parts, kind))
    return times, terms


def _fps(times: Sequence[tuple[int, int]]) -> float:
    elapsed_ns = times[-1][0] - times[0][0]
    return (len(times) - 1) * NS_PER_S / elapsed_ns if elapsed_ns > 0 else 0.0


def trtexec_facts(terms: dict[str, list[float]]) -> dict[str, Any]:
    """The terms as trtexec prints them, and what it would warn of; milliseconds."""
    return {
        **{f"{kind}_ms": trtexec.summary(times) for kind, times in terms.items()},
        "warnings": trtexec.warnings(terms),
    }

"""Work on CUDA streams, and device memory, through the emulator of the driver, or a real one.

The emulator's header `control.hpp` says what `emu_enqueue` does; `on_gpu.py` does the like on a real driver
where RTSEG_REAL_GPU asks for it. Without either nothing is executed, and no memory is taken.
"""

from __future__ import annotations

import ctypes
import itertools
import os
from typing import TYPE_CHECKING

from . import device, on_gpu
from .control import CONTROL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .execution import Execution


class Range(ctypes.Structure):
    """Device bytes that an execution reads or writes; `emu_range`."""

    _fields_ = (("at", ctypes.c_ulonglong), ("bytes", ctypes.c_size_t), ("writes", ctypes.c_int))


Callback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p))

_waiting: dict[int, Execution] = {}
"""Executions that the emulator may call; a captured one stays, as its graph may be launched again."""

_keys = itertools.count(1)


@Callback
def _run(key: int, views: ctypes.Array[ctypes.c_void_p]) -> None:
    """What the emulator calls, in a thread of its own."""
    execution = _waiting[key] if _waiting[key].is_captured else _waiting.pop(key)
    execution.run(views)


def is_there() -> bool:
    """Whether there is a driver to execute on."""
    return _is_emulated() or bool(os.environ.get("RTSEG_REAL_GPU"))


def _is_emulated() -> bool:
    return hasattr(device.driver(), "emu_enqueue")


def is_capturing(stream: int) -> bool:
    """Whether what is enqueued on `stream` is recorded into a graph instead of run."""
    state = ctypes.c_int(0)
    failed = device.driver().cuStreamIsCapturing(ctypes.c_void_p(stream), ctypes.byref(state))
    return not failed and state.value != 0


def enqueue(execution: Execution) -> int:
    """Queue `execution` on its stream, in its order; the CUDA error if that cannot be done, else 0."""
    if not _is_emulated():
        return on_gpu.enqueue(execution)
    key = next(_keys)
    _waiting[key] = execution
    ranges = _ranges(execution.reads, execution.writes)
    enqueue_work = device.driver().emu_enqueue
    enqueue_work.argtypes = (
        ctypes.c_void_p, Callback, ctypes.c_void_p, ctypes.POINTER(Range), ctypes.c_int, ctypes.c_char_p
    )  # fmt: skip
    failed = enqueue_work(execution.stream, _run, key, ranges, len(ranges), b"enqueueV3")
    if failed:
        _waiting.pop(key, None)
    return int(failed)


def _ranges(reads: Sequence[tuple[int, int]], writes: Sequence[tuple[int, int]]) -> ctypes.Array[Range]:
    found = [Range(at, size, 0) for at, size in reads] + [Range(at, size, 1) for at, size in writes]
    return (Range * len(found))(*found)


def note_violation(sentence: str) -> None:
    """Tell of something that TensorRT forbids and does not check: the emulator, and who asks `CONTROL`."""
    CONTROL.violations.append(sentence)
    if _is_emulated():
        device.driver().emu_note_violation(b"tensorrt", b"(TensorRT)", sentence.encode())


class DeviceMemory:
    """Memory that TensorRT takes for itself: weights of an engine, activations of a context.

    So the emulator sees who leaves an engine alive, who drops a context while it executes or without a CUDA
    context, and who executes a context twice at the same time: all of that is wrong use of this memory.

    Attributes:
        address: 0 where there is no driver.
        error: the CUDA error if it could not be had.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.address = 0
        self.error = 0
        if is_there():
            address = ctypes.c_ulonglong()
            self.error = device.driver().cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(size))
            self.address = address.value

    def free(self) -> None:
        """Give it back; needs a current CUDA context."""
        address, self.address = self.address, 0
        if address:
            device.driver().cuMemFree_v2(ctypes.c_ulonglong(address))

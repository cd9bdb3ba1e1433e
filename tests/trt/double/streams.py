"""CUDA streams, as far as an execution needs them: the emulator's queue.

Without the emulator nothing can be executed: addresses are those of its memory.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from . import device

if TYPE_CHECKING:
    from .execution import Execution


def is_capturing(stream: int) -> bool:
    """Whether what is enqueued on `stream` is recorded into a graph instead of run."""
    cuda = device.driver()
    state = ctypes.c_int(0)
    if cuda is None or cuda.cuStreamIsCapturing(ctypes.c_void_p(stream), ctypes.byref(state)):
        return False
    return state.value != 0


def objection(sizes: dict[str, int], addresses: dict[str, int]) -> str | None:
    """Why these addresses cannot be executed on: no context, no device memory, too few bytes."""
    del sizes, addresses
    return None if device.has_context() else "CUDA error 201: invalid device context"


def enqueue(execution: Execution) -> str | None:
    """Queue `execution` on its stream; return why that cannot be done."""
    execution.context.pending.add(execution)
    execution.run()
    return None

"""What a snippet is, and the names they share."""

from __future__ import annotations

import ctypes
import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Snippet = Callable[[bool], None]

SIZE = 100_000
DEVICEMAP = 2  # CU_MEMHOSTALLOC_DEVICEMAP
NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING

SNIPPETS: dict[str, tuple[str, Snippet]] = {}
"""Kind of violation that the wrong form is caught as, and the snippet, by name."""

FOREVER: list[object] = []
"""What a snippet leaks: nobody drops it before the process ends."""


def caught_as(kind: str) -> Callable[[Snippet], Snippet]:
    """Register a snippet under its own name."""

    def register(snippet: Snippet) -> Snippet:
        SNIPPETS[snippet.__name__] = kind, snippet
        return snippet

    return register


@contextmanager
def current_context() -> Iterator[object]:
    """Retain the primary context and push it; pop and release it when everything has been dropped."""
    import pycuda.driver as cuda

    cuda.init()
    context = cuda.Device(0).retain_primary_context()
    context.push()
    try:
        yield context
    finally:
        gc.collect()
        context.pop()
        context.detach()


def pinned(size: int = SIZE) -> np.ndarray:
    """Pinned memory that the device can see, uint8, filled with ones."""
    import pycuda.driver as cuda

    memory = cuda.pagelocked_empty((size,), np.uint8, mem_flags=DEVICEMAP)
    memory[:] = 1
    return memory


def driver(name: str, *arguments: object) -> int:
    """Call the driver itself, for what pycuda has no name for or refuses by itself; returns a CUresult."""
    code: int = getattr(ctypes.CDLL(None), name)(*arguments)
    return code

"""Work on a stream, recorded once and then launched as one: less to do on the host for each image.

pycuda knows no graphs, so the driver is called directly, on the handle of pycuda's stream.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from rtseg.cuda.libcuda import libcuda

if TYPE_CHECKING:
    from collections.abc import Callable

_THREAD_LOCAL = 1
"""CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: what other threads do meanwhile, such as allocating, is allowed."""


class Graph:
    """Recorded work, ready to be launched. Bound to the memory that it was recorded with."""

    def __init__(self, executable: ctypes.c_void_p) -> None:
        self._executable: ctypes.c_void_p | None = executable

    @classmethod
    def recorded(cls, stream: int, enqueue: Callable[[], bool]) -> Graph | None:
        """Record what `enqueue` queues on a stream; nothing of it runs.

        Args:
            stream: handle of a stream that is not the default one.
            enqueue: queues the work on that stream and tells whether it could; must not wait for it.

        Returns:
            The graph; None where it cannot be had, with the stream as it was: then do without.
        """
        cuda, handle = libcuda(), ctypes.c_void_p(stream)
        if not hasattr(cuda, "cuGraphInstantiateWithFlags"):  # before CUDA 11.4
            return None
        if cuda.cuStreamBeginCapture_v2(handle, _THREAD_LOCAL):
            return None
        graph = ctypes.c_void_p()
        try:
            try:
                is_whole = enqueue()
            finally:
                failed = cuda.cuStreamEndCapture(handle, ctypes.byref(graph))
            return cls._from_recording(graph) if is_whole and not failed else None
        finally:
            if graph:
                cuda.cuGraphDestroy(graph)

    @classmethod
    def _from_recording(cls, graph: ctypes.c_void_p) -> Graph | None:
        executable = ctypes.c_void_p()
        failed = libcuda().cuGraphInstantiateWithFlags(ctypes.byref(executable), graph, ctypes.c_ulonglong(0))
        return None if failed else cls(executable)

    def launch(self, stream: int) -> bool:
        """Queue the work on a stream; False if the driver refuses."""
        return not libcuda().cuGraphLaunch(self._executable, ctypes.c_void_p(stream))

    def close(self) -> None:
        """Let go of it; it must not be running. May be called again."""
        executable, self._executable = self._executable, None
        if executable is not None:
            libcuda().cuGraphExecDestroy(executable)

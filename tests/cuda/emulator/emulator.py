"""The emulator as tests see it: set up before a program runs, and asked afterwards."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import json
import os
import sys
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.cuda.emulator.build import build

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Self

NO_DEVICE, OUT_OF_MEMORY, ILLEGAL_ADDRESS, LAUNCH_FAILED, UNKNOWN = 100, 2, 700, 719, 999
"""Some of the driver's error codes (CUresult)."""

EXECUTION = "execution"
"""For `fail_next`: the next operation, when it runs."""


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that a program must not do.

    Attributes:
        kind: "race", "leak", "pageable-async" and so on; README.md lists them all.
        api: the call, or the queued work, that it was found in.
        sentence: what is wrong, for a person.
    """

    kind: str
    api: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Range:
    """Device bytes that a callback reads or writes: address, count, and which of the two."""

    at: int
    size: int
    writes: bool


class _CRange(ctypes.Structure):
    _fields_ = (("at", ctypes.c_uint64), ("bytes", ctypes.c_size_t), ("writes", ctypes.c_int))


_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p))


def load() -> ctypes.CDLL:
    """Load the emulator into this process, as libcuda.so.1; to be done before pycuda is imported."""
    if "pycuda._driver" in sys.modules and not _is_loaded():
        raise RuntimeError("pycuda was imported before the emulator was loaded: it has another libcuda.so.1")
    library = ctypes.CDLL(str(build() / "libcuda.so.1"), mode=ctypes.RTLD_GLOBAL)
    library.emu_books.restype = ctypes.c_void_p
    library.emu_release.argtypes = [ctypes.c_void_p]
    library.emu_enqueue.argtypes = [
        ctypes.c_void_p, _CALLBACK, ctypes.c_void_p, ctypes.POINTER(_CRange), ctypes.c_int, ctypes.c_char_p
    ]  # fmt: skip
    return library


def _is_loaded() -> bool:
    return hasattr(ctypes.CDLL(None), "emu_reset")


def environment(**settings: object) -> dict[str, str]:
    """Return the environment for a child process that shall find the emulator where it looks for the driver.

    `settings` are those of `Emulator.configure`, and `report`: a file that gets what `Emulator.books`
    returns, as JSON, when the process ends by itself.
    """
    paths = [str(build()), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    words = ";".join(f"{key}={_word(value)}" for key, value in settings.items())
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(paths), "CUDA_EMULATOR": words}


def _word(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


class Emulator:
    """The emulator in this process. All of it may be called from any thread."""

    is_real = False

    def __init__(self) -> None:
        self._library = load()
        self._numbers = itertools.count(1)
        self._callbacks: dict[int, tuple[Callable[[list[int]], None], int]] = {}
        self._kept: set[int] = set()
        self._trampoline = _CALLBACK(self._call)

    def __enter__(self) -> Self:
        self.reset()
        return self

    def __exit__(self, *_: object) -> None:
        self.reset()

    def reset(self, seed: int = 1) -> None:
        """Forget everything: objects, violations, counts, requested failures. Settings go back to the usual.

        Handles from before are invalid, and using them is not held against anyone; but a pycuda context from
        before must have been popped and detached, as pycuda itself remembers it.
        """
        self._library.emu_reset()
        self._callbacks.clear()
        self._kept.clear()
        self.configure(
            seed=seed, name="Emulated GPU", compute_capability="8.9", integrated=False, total_memory=8 << 30,
            driver_version=13000, devices=1, delay_us=1000, quiet=False,
        )  # fmt: skip

    def configure(self, **settings: object) -> None:
        """Set any of name, compute_capability ("8.9"), integrated, total_memory (bytes), driver_version,
        devices, seed, delay_us (the longest delay of an operation, 0 for none), quiet.
        """
        for key, value in settings.items():
            if not self._library.emu_configure(key.encode(), _word(value).encode()):
                raise ValueError(f"the emulator has no setting {key}={value}")

    def fail_next(self, api: str, code: int, times: int = 1) -> None:
        """Let the next calls of `api`, or the next operations (`EXECUTION`), fail with a CUresult.

        pycuda collects garbage and tries again when it is out of memory: that takes `times=2`.
        """
        for _ in range(times):
            self._library.emu_fail_next(api.encode(), code)

    def lose_device(self, code: int = UNKNOWN) -> None:
        """Let all calls fail from now on, as on hardware that has fallen off the bus; 0 ends it.

        Only popping a context still works: pycuda aborts a process whose threads end with one.
        """
        self._library.emu_lose_device(code)

    def books(self) -> dict[str, Any]:
        """Everything that the emulator remembers: violations, live, calls, traffic, executed."""
        text = self._library.emu_books()
        try:
            read: dict[str, Any] = json.loads(ctypes.string_at(text))
            return read
        finally:
            self._library.emu_release(text)

    def violations(self) -> list[Violation]:
        """What the program did wrong so far, in the order it was found."""
        return [Violation(**violation) for violation in self.books()["violations"]]

    def live(self) -> dict[str, int]:
        """Count the live contexts, memory, pinned, streams, events, modules, graphs and graph_execs."""
        return dict(self.books()["live"])

    def traffic(self) -> dict[str, int]:
        """Bytes and copies that were carried out: h2d_bytes, h2d_copies, d2h_…, d2d_…."""
        return dict(self.books()["traffic"])

    def calls(self) -> dict[str, int]:
        """How often each API was called; names without _v2. Waits for events that spin are counted, too."""
        return dict(self.books()["calls"])

    def executed(self) -> list[tuple[int, int, str, int]]:
        """The latest operations in the order they began: stream (from 0), its count, what, delay in µs."""
        return [(stream, tick, what, delay) for stream, tick, what, delay in self.books()["executed"]]

    def note_violation(self, kind: str, api: str, sentence: str) -> None:
        """Add a violation that a double of another library has found."""
        self._library.emu_note_violation(kind.encode(), api.encode(), sentence.encode())

    def enqueue(
        self, stream: int, function: Callable[[list[int]], None], ranges: Sequence[Range], what: str
    ) -> int:
        """Queue a Python function on a stream, in its order; returns a CUresult.

        Args:
            stream: the handle of a stream; 0 is the default stream.
            function: gets the host addresses of the ranges; it runs in a thread of the emulator, must not
                call the driver, and what it raises becomes a violation ("callback-raised"). In a capture it
                is kept until the next `reset`, and runs at each launch of the graph.
            ranges: the device bytes that it reads or writes, and no others.
            what: its name in violations and in `calls`.
        """
        number = next(self._numbers)
        self._callbacks[number] = function, len(ranges)
        if self._library.emu_is_captured(ctypes.c_void_p(stream)):
            self._kept.add(number)
        array = (_CRange * len(ranges))(*((r.at, r.size, r.writes) for r in ranges))
        code = int(
            self._library.emu_enqueue(stream, self._trampoline, number, array, len(ranges), what.encode())
        )
        if code:
            self._callbacks.pop(number, None)
        return code

    def _call(self, number: int, views: Any) -> None:
        entry = self._callbacks.get(number) if number in self._kept else self._callbacks.pop(number, None)
        if entry is None:  # of before a reset
            return
        function, count = entry
        try:
            function([views[i] for i in range(count)])
        except BaseException as error:  # nobody is there to catch it
            with contextlib.suppress(Exception):
                traceback.print_exc()
            self.note_violation("callback-raised", "(callback)", f"{type(error).__name__}: {error}")

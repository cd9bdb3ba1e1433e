"""The GPU that is here, in the emulator's place: `RTSEG_REAL_GPU=1 python -m pytest tests/cuda`.

What only an emulator can do, such as failing on demand or counting, skips; all else must hold on both.
"""

from __future__ import annotations

import ctypes
import os
from collections import Counter
from typing import NoReturn

import pytest

IS_WANTED = bool(os.environ.get("RTSEG_REAL_GPU"))

ONLY_EMULATED = "only the emulated driver has"


def needs_emulator() -> None:
    """Skip a test of what only an emulator can tell."""
    if IS_WANTED:
        pytest.skip("only the emulated driver can tell")


class RealGpu:
    """The driver of the GPU that is here, as far as it is like an `Emulator`: nobody watches, or counts."""

    is_real = True

    def __init__(self) -> None:
        # Found by name, as the emulator is, by programs that call the driver past pycuda.
        ctypes.CDLL("libcuda.so.1", mode=ctypes.RTLD_GLOBAL)

    def __enter__(self) -> RealGpu:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is known that could be forgotten."""

    def violations(self) -> list[object]:
        """Nobody looks."""
        return []

    def live(self) -> Counter[str]:
        """Nobody counts."""
        return Counter()

    def calls(self) -> Counter[str]:
        """Nobody counts these either."""
        return Counter()

    traffic = calls

    def __getattr__(self, name: str) -> NoReturn:
        pytest.skip(f"{ONLY_EMULATED} `{name}`")

"""The driver's own library, for the little that pycuda lacks."""

from __future__ import annotations

import ctypes
from functools import cache


@cache
def libcuda() -> ctypes.CDLL:
    """The library that pycuda has loaded already; OSError without a driver."""
    return ctypes.CDLL("libcuda.so.1")

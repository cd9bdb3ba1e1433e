"""A CUDA driver without a device, stricter than one.

driver/         the driver itself, in C++. Each of world, memory, call, stream, race, execution, fault and
                graph has a header that says what it is; the driver's calls lie in devices, contexts,
                allocations, copies, streams, event, capture, graph and module, those of the tests in control
cuda_on_host.h  CUDA C for g++
build.py        compiling both
emulator.py     the emulator as tests see it
"""

from tests.cuda.emulator.build import build, compile_kernels
from tests.cuda.emulator.emulator import (
    EXECUTION,
    ILLEGAL_ADDRESS,
    LAUNCH_FAILED,
    NO_DEVICE,
    OUT_OF_MEMORY,
    UNKNOWN,
    Emulator,
    Range,
    Violation,
    environment,
    load,
)

__all__ = [
    "EXECUTION", "ILLEGAL_ADDRESS", "LAUNCH_FAILED", "NO_DEVICE", "OUT_OF_MEMORY", "UNKNOWN", "Emulator",
    "Range", "Violation", "build", "compile_kernels", "environment", "load",
]  # fmt: skip

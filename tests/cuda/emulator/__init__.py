"""A CUDA driver without a device, stricter than one.

    driver/         the driver itself, in C++: clock, settings, memory, books, world, call, stream, race, execution,
                    fault, graph, event, module and the calls (contexts, allocations, copies, …) on top of them
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
    "EXECUTION", "ILLEGAL_ADDRESS", "LAUNCH_FAILED", "NO_DEVICE", "OUT_OF_MEMORY", "UNKNOWN", "Emulator", "Range",
    "Violation", "build", "compile_kernels", "environment", "load",
]  # fmt: skip

"""The CUDA driver, as far as TensorRT looks at it: which GPU, and work on its streams.

Everything goes through the libcuda that is loaded or found: the project's emulator, which exports `emu_…`
beside the driver's functions. Where there is none, a plan can still be built for the GPU that
`control.CONTROL.gpu` names.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

from .control import CONTROL

MAJOR, MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_…"""


@dataclass(frozen=True, slots=True)
class Gpu:
    """The GPU that plans are built for.

    Attributes:
        name: as the driver says.
        capability: compute capability, (8, 7).
    """

    name: str
    capability: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.name} (compute {self.capability[0]}.{self.capability[1]})"


def driver() -> Any:
    """The driver, or None where there is none; a test may load the emulator after this package."""
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None


def gpu() -> Gpu | None:
    """The current context's GPU, else the first; None without a driver."""
    cuda = driver()
    if cuda is None or cuda.cuInit(0):
        return _named()
    device, context = ctypes.c_int(), ctypes.c_void_p()
    cuda.cuCtxGetCurrent(ctypes.byref(context))
    get = cuda.cuCtxGetDevice if context.value else lambda found: cuda.cuDeviceGet(found, 0)
    if get(ctypes.byref(device)):
        return _named()
    name = ctypes.create_string_buffer(256)
    cuda.cuDeviceGetName(name, len(name), device)
    return Gpu(name.value.decode(), (_attribute(device, MAJOR), _attribute(device, MINOR)))


def _attribute(device: ctypes.c_int, number: int) -> int:
    value = ctypes.c_int()
    driver().cuDeviceGetAttribute(ctypes.byref(value), number, device)
    return value.value


def _named() -> Gpu | None:
    name, _, capability = CONTROL.gpu.partition("/")
    if not name:
        return None
    major, _, minor = (capability or "8.6").partition(".")
    return Gpu(name, (int(major), int(minor)))

"""Bytes that the host and the GPU have in common: copied between the two, or the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from rtseg.runtimes import load_pycuda

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rtseg.cuda.device import Gpu


class Buffer(Protocol):
    """Room for one array on the host and on the GPU. All calls need the context pushed.

    Attributes:
        host: uint8, pinned, so that copies run beside everything else. Not to be touched while work is queued
            that uses it. Lives until `free`.
        address: of its counterpart on the GPU, 256-byte aligned.
    """

    host: NDArray[np.uint8]
    address: int

    def upload(self, stream: Any) -> None:  # noqa: ANN401  # pycuda has no types
        """Queue the copy to the GPU, if it takes one."""

    def download(self, stream: Any) -> None:  # noqa: ANN401
        """Queue the copy to the host, if it takes one."""

    def free(self) -> None:
        """Give both back; nothing may be queued that uses them. May be called again."""


def buffer_for(gpu: Gpu, shape: tuple[int, ...]) -> Buffer:
    """Room for uint8 of `shape`: on an integrated GPU one memory for both sides, elsewhere one on each.

    Raises:
        pycuda.driver.Error: there is no room.
    """
    return MappedBuffer(shape) if gpu.is_integrated else CopiedBuffer(shape)


class CopiedBuffer:
    """Pinned memory on the host, and as much on the GPU. See `Buffer`."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._driver = load_pycuda()
        self.host: NDArray[np.uint8] = self._driver.pagelocked_empty(shape, np.uint8)
        self._pinned: Any = self.host.base
        try:
            self._device: Any = self._driver.mem_alloc(self.host.nbytes)
        except BaseException:
            self._pinned.free()
            raise
        self.address = int(self._device)

    def upload(self, stream: Any) -> None:  # noqa: ANN401
        """Queue the copy to the GPU."""
        self._driver.memcpy_htod_async(self._device, self.host, stream)

    def download(self, stream: Any) -> None:  # noqa: ANN401
        """Queue the copy to the host."""
        self._driver.memcpy_dtoh_async(self.host, self._device, stream)

    def free(self) -> None:
        """Give both back."""
        device, self._device = self._device, None
        if device is not None:
            device.free()
            self._pinned.free()


class MappedBuffer:
    """Pinned memory that an integrated GPU works in as it lies. See `Buffer`."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        driver = load_pycuda()
        flags = driver.host_alloc_flags.DEVICEMAP
        self.host: NDArray[np.uint8] = driver.pagelocked_empty(shape, np.uint8, mem_flags=flags)
        self._pinned: Any = self.host.base
        self.address = int(self._pinned.get_device_pointer())

    def upload(self, stream: Any) -> None:  # noqa: ANN401
        """There is nothing to copy."""

    def download(self, stream: Any) -> None:  # noqa: ANN401
        """There is nothing to copy."""

    def free(self) -> None:
        """Give it back."""
        pinned, self._pinned = self._pinned, None
        if pinned is not None:
            pinned.free()

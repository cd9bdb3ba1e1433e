"""Colours laid over pictures by the GPU."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rtseg.cuda.buffers import buffer_for
from rtseg.cuda.device import Device, forsake
from rtseg.cuda.kernels import LARGEST_SIDE, Kernels
from rtseg.cuda.planes import GpuPlanes, chroma_size, planar_bytes
from rtseg.errors import DeviceFault, InputError
from rtseg.picture import plane_view
from rtseg.runtimes import load_pycuda

if TYPE_CHECKING:
    from types import TracebackType

    import av
    from numpy.typing import NDArray
    from typing_extensions import Self

    from rtseg.cuda.buffers import Buffer
    from rtseg.cuda.device import Gpu
    from rtseg.stages.tint import Coat


class GpuPainter:
    """Paints with one kernel a picture: within a level of what `CpuPainter` paints. See `Painter`.

    A picture goes to the GPU and comes back, 1.5 bytes a pixel each way, on a stream of its own; `paint`
    waits for it. Between entering and leaving it holds the GPU's context, which is pushed within its calls.
    """

    def __init__(self, ordinal: int = 0) -> None:
        """Choose the GPU; it is not touched before `__enter__`."""
        self._ordinal = ordinal
        self._work: _Work | None = None

    def __enter__(self) -> object:
        """Load the kernels, and compile them on first use.

        Raises:
            MissingDependencyError: pycuda is not installed.
            DeviceError: there is no GPU, no compiler for it, or no room on it.
        """
        self._work = _Work(Device(self._ordinal))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give everything back, and release the context."""
        work, self._work = self._work, None
        if work is not None:
            work.close()

    def paint(
        self, picture: av.VideoFrame, ids: NDArray[np.uint8], coat: Coat, painted: av.VideoFrame
    ) -> None:
        """Write the picture with the coat over it to `painted`; waits for the GPU.

        Raises:
            InputError: the picture or the labels are too large.
            DeviceFault: the GPU failed.
        """
        if self._work is None:
            raise RuntimeError("the painter is not open")
        self._work.paint(picture, ids, coat, painted)


@dataclass(slots=True, eq=False)
class _Room:
    """Buffers for pictures and labels of one size."""

    picture: Buffer
    ids: Buffer

    @classmethod
    def of(cls, gpu: Gpu, picture_bytes: int, ids_shape: tuple[int, ...]) -> Self:
        picture = buffer_for(gpu, (picture_bytes,))
        try:
            return cls(picture, buffer_for(gpu, ids_shape))
        except BaseException:
            picture.free()
            raise

    def free(self) -> None:
        self.picture.free()
        self.ids.free()


class _Work:
    """What an open painter holds. All but `close` is used in one thread."""

    def __init__(self, device: Device) -> None:
        """Make everything; takes over the device, which is closed where that fails."""
        self._device = device
        self._kernels: Kernels | None = None
        self._tables: Buffer | None = None
        self._stream: Any = None
        self._done: Any = None
        self._coat: Coat | None = None
        self._room: _Room | None = None
        self._room_for: tuple[tuple[int, int], tuple[int, ...]] | None = None
        self._error: type[Exception] = load_pycuda().Error
        try:
            with device.pushed():
                self._make()
        except self._error as error:
            fault = _fault_from(error)
            self.close()
            raise fault from error
        except BaseException:
            self.close()
            raise

    def _make(self) -> None:
        driver = load_pycuda()
        self._kernels = Kernels(self._device)
        self._stream = driver.Stream(flags=_NON_BLOCKING)
        self._done = driver.Event(driver.event_flags.DISABLE_TIMING | driver.event_flags.BLOCKING_SYNC)
        self._tables = buffer_for(self._device.gpu, (4, 256))

    def paint(
        self, picture: av.VideoFrame, ids: NDArray[np.uint8], coat: Coat, painted: av.VideoFrame
    ) -> None:
        size = (picture.width, picture.height)
        if max(*size, *ids.shape) > LARGEST_SIDE:
            raise InputError(
                f"{picture.width}×{picture.height}: too large for --overlay-on gpu, which paints up to "
                f"{LARGEST_SIDE} pixels a side. Take --overlay-on cpu."
            )
        room = self._room_of(size, ids.shape)
        _copy_planes(picture, room.picture.host)
        np.copyto(room.ids.host, ids)
        with self._device.entered():
            try:
                self._queue(room, size, coat)
                self._done.synchronize()
            except self._error as error:
                self._settle()
                raise _fault_from(error) from error
        _copy_back(room.picture.host, painted)

    def _queue(self, room: _Room, size: tuple[int, int], coat: Coat) -> None:
        assert self._kernels is not None
        stream, (height, width) = self._stream, room.ids.host.shape
        tables = self._tables_of(coat)
        room.picture.upload(stream)
        room.ids.upload(stream)
        self._kernels.paint(
            GpuPlanes.planar_at(room.picture.address, *size),
            room.ids.address,
            (height, width),
            tables,
            coat.opacity if coat.is_uniform else None,
            stream,
        )
        room.picture.download(stream)
        self._done.record(stream)

    def _settle(self) -> None:
        """Wait for what was queued before something failed, as the next picture goes into the same memory."""
        with suppress(self._error):
            self._stream.synchronize()

    def _tables_of(self, coat: Coat) -> int:
        """Where the coat's tables lie; they are sent where the picture before had others, and is done."""
        assert self._tables is not None
        if coat is not self._coat:
            self._tables.host[:3], self._tables.host[3] = coat.levels, coat.keep
            self._tables.upload(self._stream)
            self._coat = coat
        return self._tables.address

    def _room_of(self, size: tuple[int, int], ids_shape: tuple[int, ...]) -> _Room:
        """Buffers of the right size; images may change it."""
        if self._room is None or self._room_for != (size, ids_shape):
            if not self._device.is_sound:  # whose memory cannot be exchanged
                raise DeviceFault("the GPU failed before. --overlay-on cpu does without it.")
            with self._device.pushed():
                try:
                    self._let_go_of_room()
                    self._room = _Room.of(self._device.gpu, planar_bytes(*size), ids_shape)
                except self._error as error:
                    raise _fault_from(error) from error
                self._room_for = (size, ids_shape)
        return self._room

    def _let_go_of_room(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            room.free()

    def close(self) -> None:
        """Free everything in the pushed context, then release it; what a lost GPU has is left behind."""
        if self._device.is_sound:
            with self._device.pushed():
                self._free()
        else:
            forsake(self)
        self._device.close()

    def _free(self) -> None:
        with suppress(self._error):  # after a fault everything that is freed fails alike
            self._let_go_of_room()
        with suppress(self._error):
            if self._tables is not None:
                self._tables.free()
        if self._kernels is not None:
            self._kernels.unload()
        self._tables = self._kernels = None
        self._done = self._stream = None  # pycuda frees them as nothing refers to them


_NON_BLOCKING = 1
"""CU_STREAM_NON_BLOCKING, which pycuda has no name for: not ordered with the default stream."""


def _fault_from(error: Exception) -> DeviceFault:
    """What the driver complains of, as an error of ours; to be raised from the same.

    The driver's loses its traceback. An error is kept for longer than the context, and the frames in it would
    keep streams and code, which pycuda frees once nobody refers to them.
    """
    error.__traceback__ = None
    return DeviceFault(f"the GPU failed while it painted: {error}. --overlay-on cpu does without it.")


def _copy_planes(picture: av.VideoFrame, packed: NDArray[np.uint8]) -> None:
    for index, plane in enumerate(_planes_in(packed, picture.width, picture.height)):
        np.copyto(plane, plane_view(picture, index))


def _copy_back(packed: NDArray[np.uint8], painted: av.VideoFrame) -> None:
    for index, plane in enumerate(_planes_in(packed, painted.width, painted.height)):
        np.copyto(plane_view(painted, index), plane)


def _planes_in(packed: NDArray[np.uint8], width: int, height: int) -> list[NDArray[np.uint8]]:
    """Y, U and V of a packed picture, as `GpuPlanes.planar_at` lays them out."""
    chroma_width, chroma_height = chroma_size(width, height)
    y, u, v = np.split(packed, [width * height, width * height + chroma_width * chroma_height])
    small = (chroma_height, chroma_width)
    return [y.reshape(height, width), u.reshape(small), v.reshape(small)]

"""The seam between a camera and the software: what is asked of hardware, and frames from what it gives."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

import av

from rtseg.sources.connection import FALLBACK_FPS, ConnectionLost
from rtseg.sources.live import LiveOptions
from rtseg.sources.refusal import Refusal
from rtseg.sources.tally import SOURCE_GAP, Gaps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from rtseg.sources.patience import Patience

_SLICE_S = 0.2
_MOST_BUFFERS = 8
_GONE = Refusal("the camera is gone", "Plug it in again.")
_MICROSECOND = Fraction(1, 1_000_000)


class Hardware(Protocol):
    """An open camera.

    Attributes:
        size: (width, height) that it gives.
        fps: frames a second that it says it gives; 0 where it says nothing.
        pixel_format: four letters; empty where it says nothing.
        driver: what drives it, for the report.
    """

    size: tuple[int, int]
    fps: float
    pixel_format: str
    driver: str

    def wait(self, seconds: float) -> bool:
        """Wait for a picture, about so long at most; whether there is one.

        Raises:
            OSError: the camera is gone.
        """

    def read(self) -> tuple[NDArray[np.uint8], int | None] | None:
        """Take the picture: uint8 (H, W, 3), BGR, the caller's; and when it was taken.

        The instant is in microseconds of any clock, None where nobody knows. None instead of both if the
        picture could not be read.

        Raises:
            OSError: the camera is gone.
        """

    def close(self) -> None:
        """Let go of the camera."""


OpenHardware = Callable[[str, LiveOptions], Hardware]
"""Opens the device of that name; ConnectionLost, with what to do about it, if that fails."""


def open_hardware(device: str, options: LiveOptions) -> Hardware:
    """Open a camera of this machine: a device of the kernel, or csi://N."""
    if device.startswith("csi://"):
        from rtseg.sources.csi import open_csi

        return open_csi(device, options)
    from rtseg.sources.v4l2 import open_v4l2

    return open_v4l2(device, options)


class CameraConnection:
    """An open camera, from its opening until it is gone.

    Attributes:
        fps: what the camera says; a guess where it says nothing.
        losses: frames that were lost, by cause.
        damaged_pictures: 0; no camera tells.
        passed_over: pictures that were waiting when the first one was asked for.
        facts: what it really gives, ready for JSON.
        differences: one line for each thing that it gives otherwise than asked for.
    """

    def __init__(
        self, open_camera: OpenHardware, device: str, options: LiveOptions, patience: Patience
    ) -> None:
        """Open it; ConnectionLost if that fails."""
        self.damaged_pictures = 0
        self.passed_over = 0
        self._lost = {SOURCE_GAP: 0}
        self._gaps = Gaps(_MICROSECOND)
        self._options, self._patience = options, patience
        self._hardware = open_camera(device, options)
        fps = self._hardware.fps
        self.fps = Fraction(fps).limit_denominator(1001) if fps > 0 else FALLBACK_FPS
        width, height = self._hardware.size
        self.facts: dict[str, Any] = {
            "driver": self._hardware.driver,
            "camera_size": [width, height],
            "camera_fps": round(fps, 3),
            "camera_format": self._hardware.pixel_format,
            "nominal_fps": round(float(self.fps), 3),
        }
        self.differences = _differences(self._hardware, options)

    @property
    def losses(self) -> Mapping[str, int]:
        """Frames that were lost, by cause."""
        return {cause: count for cause, count in self._lost.items() if count}

    def first_picture(self) -> av.VideoFrame:
        """Wait for the first picture, within the time-out for opening; ConnectionLost if none comes."""
        return self._next_picture(self._options.open_timeout_s)

    def pictures(self) -> Iterator[av.VideoFrame]:
        """All pictures from now on, bgr24; ConnectionLost when they stop coming."""
        while self._is_ready(0):
            self._read()
            self.passed_over += 1
            if self.passed_over >= _MOST_BUFFERS:
                break
        while True:
            yield self._next_picture(self._options.read_timeout_s)

    def close(self) -> None:
        """Let go of the camera. Pictures handed out stay valid."""
        self._hardware.close()

    def _next_picture(self, timeout_s: float) -> av.VideoFrame:
        self._patience.allow(timeout_s)
        while not self._patience.over:
            if not self._is_ready(_SLICE_S):
                continue
            read = self._read()
            if read is not None:
                image_bgr, taken_us = read
                if taken_us is not None:
                    self._lost[SOURCE_GAP] += self._gaps.missing_before(taken_us, time.monotonic_ns())
                return av.VideoFrame.from_numpy_buffer(image_bgr, format="bgr24")
            # A picture that cannot be read is mostly the first sign of a camera that was unplugged.
            self._patience.pause(_SLICE_S)
        what = "it was stopped" if self._patience.stopped else f"it gave no picture for {timeout_s:g} s"
        raise ConnectionLost(Refusal(what, "Unplug it and plug it in again, or try another port or cable."))

    def _is_ready(self, seconds: float) -> bool:
        try:
            return self._hardware.wait(seconds)
        except OSError as error:
            raise ConnectionLost(_GONE) from error

    def _read(self) -> tuple[NDArray[np.uint8], int | None] | None:
        try:
            return self._hardware.read()
        except OSError as error:
            raise ConnectionLost(_GONE) from error


def _differences(hardware: Hardware, options: LiveOptions) -> list[str]:
    found = []
    if options.camera_size is not None and options.camera_size != hardware.size:
        asked, given = ("{}x{}".format(*size) for size in (options.camera_size, hardware.size))
        found.append(f"the camera gives {given} instead of {asked}")
    if options.camera_fps is not None and hardware.fps and abs(options.camera_fps - hardware.fps) > 0.5:
        found.append(f"the camera gives {hardware.fps:g} fps instead of {options.camera_fps:g}")
    asked_format, given_format = options.camera_format, hardware.pixel_format
    if asked_format is not None and given_format and asked_format.upper() != given_format.upper():
        found.append(f"the camera gives {given_format} instead of {asked_format}")
    return found

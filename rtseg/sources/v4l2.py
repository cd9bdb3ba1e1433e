"""Cameras that the kernel shows as /dev/videoN (Video4Linux 2), through OpenCV."""

from __future__ import annotations

import array
import errno
import fcntl
import grp
import os
import stat
import struct
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from rtseg.errors import SourceNotFoundError
from rtseg.sources.connection import ConnectionLost
from rtseg.sources.quiet import opencv_quiet
from rtseg.sources.refusal import Refusal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rtseg.sources.live import LiveOptions

# linux/videodev2.h; the numbers hold their structures' sizes and are the same on all machines we run on.
_QUERYCAP = 0x80685600
_REQBUFS = 0xC0145608
_CAPABILITY = struct.Struct("=16s32s32sIII12x")
_REQUEST_BUFFERS = struct.Struct("=IIIIB3x")
_CAP_VIDEO_CAPTURE, _CAP_VIDEO_CAPTURE_MPLANE = 0x1, 0x1000
_CAP_DEVICE_CAPS = 0x80000000
_BUF_TYPE_VIDEO_CAPTURE, _MEMORY_MMAP = 1, 1
_BUFFERS = 2


class V4l2Camera:
    """An open camera with two buffers: one to fill while the other is read, and no queue of old pictures.

    With a single one, a driver has nowhere to put what comes while a picture is being decoded.

    Attributes:
        size: (width, height) that it gives.
        fps: frames a second that it says it gives.
        pixel_format: four letters.
        driver: the kernel's driver and the camera's name.
    """

    def __init__(self, capture: cv2.VideoCapture, device: str, driver: str) -> None:
        """Take an open capture."""
        self._capture = capture
        self._device = device
        self.driver = driver
        self.size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
        self.fps = float(capture.get(cv2.CAP_PROP_FPS))
        self.pixel_format = letters_from_fourcc(int(capture.get(cv2.CAP_PROP_FOURCC)))

    def wait(self, seconds: float) -> bool:
        """Wait for a picture; OSError if the camera is gone."""
        with opencv_quiet():
            try:
                is_ready, _ = cv2.VideoCapture.waitAny([self._capture], max(1, round(seconds * 1e9)))
            except cv2.error as error:
                raise OSError(errno.ENODEV, os.strerror(errno.ENODEV)) from error
        return bool(is_ready)

    def read(self) -> tuple[NDArray[np.uint8], int | None] | None:
        """Take the picture, BGR, and its time in microseconds; OSError if the camera is gone."""
        with opencv_quiet():
            is_read, image_bgr = self._capture.read()
            taken_ms = self._capture.get(cv2.CAP_PROP_POS_MSEC) if is_read else 0.0
        if is_read:
            return image_bgr, round(1000 * taken_ms) if taken_ms > 0 else None
        if not Path(self._device).exists():
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return None

    def close(self) -> None:
        """Let go of the camera."""
        self._capture.release()


def open_v4l2(device: str, options: LiveOptions) -> V4l2Camera:
    """Open a camera and ask it for what the options say.

    Raises:
        ConnectionLost: it is not there, busy, not permitted, not a camera, or gives no picture.
    """
    driver = check_device(device)
    capture = cv2.VideoCapture()
    with opencv_quiet():
        is_open = capture.open(device, cv2.CAP_V4L2)
        if is_open:
            capture.set(cv2.CAP_PROP_BUFFERSIZE, _BUFFERS)
            # The format first: which sizes and rates there are depends on it.
            if options.camera_format is not None:
                capture.set(cv2.CAP_PROP_FOURCC, fourcc_from_letters(options.camera_format))
            if options.camera_size is not None:
                capture.set(cv2.CAP_PROP_FRAME_WIDTH, options.camera_size[0])
                capture.set(cv2.CAP_PROP_FRAME_HEIGHT, options.camera_size[1])
            if options.camera_fps is not None:
                capture.set(cv2.CAP_PROP_FPS, options.camera_fps)
            # Starts the stream, and waits for a picture: ten seconds at most, as OpenCV has it.
            is_open = capture.grab()
    if not is_open:
        capture.release()
        raise ConnectionLost(_why_closed(device))
    return V4l2Camera(capture, device, driver)


def check_device(device: str) -> str:
    """Look whether `device` is a camera that may be opened; returns its driver and name.

    Raises:
        ConnectionLost: it is not.
    """
    refusal = None
    try:
        with _opened(device) as handle:
            capability = array.array("B", bytes(_CAPABILITY.size))
            fcntl.ioctl(handle, _QUERYCAP, capability)
    except OSError as error:
        refusal = refusal_from_errno(device, error.errno or errno.EIO)
    if refusal is not None:
        raise ConnectionLost(refusal)
    driver, card, _, _, capabilities, device_caps = _CAPABILITY.unpack(capability.tobytes())
    own = device_caps if capabilities & _CAP_DEVICE_CAPS else capabilities
    if not own & (_CAP_VIDEO_CAPTURE | _CAP_VIDEO_CAPTURE_MPLANE):
        raise ConnectionLost(_not_a_camera())
    return " ".join(part.split(b"\0")[0].decode(errors="replace") for part in (driver, card)).strip()


def _opened(device: str) -> FileIO:
    # Only descriptors can be opened without waiting.
    return FileIO(os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC), "r+")


def _why_closed(device: str) -> Refusal:
    """Ask the kernel what OpenCV does not tell: whether another program has the camera."""
    try:
        with _opened(device) as handle:
            request = array.array("B", _REQUEST_BUFFERS.pack(1, _BUF_TYPE_VIDEO_CAPTURE, _MEMORY_MMAP, 0, 0))
            fcntl.ioctl(handle, _REQBUFS, request)
    except OSError as error:
        return refusal_from_errno(device, error.errno or errno.EIO)
    return Refusal(
        "the camera gives no picture",
        "Ask it for less (--camera-size, --camera-fps, --camera-format), or plug it in again.",
    )


def refusal_from_errno(device: str, number: int) -> Refusal:
    """What an error of the kernel means for someone who wants a camera."""
    if number in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return Refusal("there is no such camera", _cameras_here(), SourceNotFoundError)
    if number in (errno.EACCES, errno.EPERM):
        return Refusal("no permission to use it", _how_to_be_permitted(device))
    if number == errno.EBUSY:
        return Refusal("another program is using it", "End that program; to find it: fuser -v " + device)
    if number in (errno.ENOTTY, errno.EINVAL, errno.EISDIR):
        return _not_a_camera()
    return Refusal(f"it cannot be opened ({os.strerror(number)})", "Plug it in again.")


def _not_a_camera() -> Refusal:
    return Refusal("not a camera", f"A camera often has several devices, and one of them. {_cameras_here()}")


def _cameras_here() -> str:
    devices = sorted(Path("/dev").glob("video*"), key=lambda path: (len(path.name), path.name))
    if not devices:
        return "This machine has no camera (no /dev/video*). Plug one in."
    return f"There are: {', '.join(map(str, devices))}."


def _how_to_be_permitted(device: str) -> str:
    try:
        node = Path(device).stat()
        group = grp.getgrgid(node.st_gid).gr_name
    except (OSError, KeyError):
        group = "video"
    else:
        if not stat.S_IMODE(node.st_mode) & stat.S_IRGRP or group == "root":
            group = "video"
    return f"Join the group {group}: sudo usermod -aG {group} $USER, then log in again."


def fourcc_from_letters(letters: str) -> int:
    """The number of a pixel format; ASCII, four letters."""
    return int.from_bytes(letters.upper().encode("ascii"), "little")


def letters_from_fourcc(number: int) -> str:
    """The four letters of a pixel format; empty for 0."""
    return (number & 0xFFFFFFFF).to_bytes(4, "little").decode("ascii", errors="replace").strip("\0 ")

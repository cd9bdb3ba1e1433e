"""CSI cameras on a Jetson: its camera stack, through GStreamer, through an OpenCV that has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2

from rtseg.sources.connection import ConnectionLost
from rtseg.sources.quiet import opencv_quiet
from rtseg.sources.refusal import Refusal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rtseg.sources.live import LiveOptions

_DEFAULT_SIZE, _DEFAULT_FPS = (1280, 720), 30.0
_WAIT_MS = 500
"""The longest that OpenCV waits for a picture before it asks again, so that it can be told to end."""
_NO_GSTREAMER = Refusal(
    "this OpenCV has no GStreamer, which CSI cameras need",
    "On a Jetson take the one that JetPack brings: sudo apt-get install python3-opencv, then python3 -m venv "
    "--system-site-packages, and in there no opencv-python.",
)


class CsiCamera:
    """An open CSI camera, as `Hardware`."""

    driver = "nvarguscamerasrc"
    pixel_format = "NV12"

    def __init__(self, capture: cv2.VideoCapture) -> None:
        """Take an open capture."""
        self._capture = capture
        self.size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
        self.fps = float(capture.get(cv2.CAP_PROP_FPS))

    def wait(self, seconds: float) -> bool:  # noqa: ARG002
        """Wait for a picture, half a second at most."""
        with opencv_quiet():
            return bool(self._capture.grab())

    def read(self) -> tuple[NDArray[np.uint8], int | None] | None:
        """Take the picture, BGR."""
        is_read, image_bgr = self._capture.retrieve()
        return (image_bgr, None) if is_read else None

    def close(self) -> None:
        """Let go of the camera."""
        self._capture.release()


def pipeline_for(number: int, options: LiveOptions) -> str:
    """The GStreamer pipeline for the camera at connector `number`; BGR, at most one picture waiting."""
    width, height = options.camera_size or _DEFAULT_SIZE
    fps = options.camera_fps or _DEFAULT_FPS
    rate = f"{round(fps * 1001)}/1001" if fps % 1 else f"{round(fps)}/1"
    return (
        f"nvarguscamerasrc sensor-id={number} ! "
        f"video/x-raw(memory:NVMM), width={width}, height={height}, framerate={rate}, format=NV12 ! "
        "nvvidconv ! video/x-raw, format=BGRx ! videoconvert ! video/x-raw, format=BGR ! "
        "appsink drop=true max-buffers=1 sync=false"
    )


def has_gstreamer() -> bool:
    """Whether OpenCV was built with it."""
    return bool(cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER))


def open_csi(device: str, options: LiveOptions) -> CsiCamera:
    """Open csi://N.

    Raises:
        ConnectionLost: OpenCV has no GStreamer, or there is no such camera.
    """
    if not has_gstreamer():
        raise ConnectionLost(_NO_GSTREAMER)
    timeouts = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        round(1000 * options.open_timeout_s),
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        _WAIT_MS,
    ]
    number = int(device.removeprefix("csi://"))
    capture = cv2.VideoCapture()
    with opencv_quiet():
        # Older versions refuse time-outs; they wait for pictures as long as it takes.
        is_open = any(
            capture.open(pipeline_for(number, options), cv2.CAP_GSTREAMER, settings)
            for settings in (timeouts, [])
        )
    if not is_open:
        raise ConnectionLost(
            Refusal(
                "the camera cannot be opened",
                f"Try it alone: gst-launch-1.0 nvarguscamerasrc sensor-id={number} num-buffers=30 ! fakesink",
            )
        )
    return CsiCamera(capture)

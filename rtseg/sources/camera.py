"""Cameras at this machine: USB and others that the kernel shows as /dev/videoN, and CSI on a Jetson."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rtseg.errors import SourceError
from rtseg.sources.hardware import CameraConnection, open_hardware
from rtseg.sources.live import LiveOptions
from rtseg.sources.reconnecting import Reconnecting

if TYPE_CHECKING:
    from rtseg.sources.hardware import OpenHardware


class Camera(Reconnecting):
    """A camera as a live source.

    USB cameras that were unplugged are found again by their device's name: where a camera comes back under
    another number, name it by /dev/v4l/by-id/….
    """

    def __init__(
        self, uri: str, options: LiveOptions | None = None, open_camera: OpenHardware = open_hardware
    ) -> None:
        """Name the camera; nothing is opened yet.

        Args:
            uri: its number, its device, or csi:// and the number of its connector.
            options: what to ask of it, and how long to wait.
            open_camera: what opens the hardware.

        Raises:
            SourceError: `uri` or an option is malformed.
        """
        super().__init__(uri, options or LiveOptions())
        if uri.startswith("csi://") and not re.fullmatch(r"csi://\d{1,3}", uri):
            raise SourceError(f"{uri}: not a CSI camera. Give the number of its connector: csi://0")
        wanted = self._options.camera_format
        if wanted is not None and not re.fullmatch(r"[ -~]{4}", wanted):
            raise SourceError(f"{wanted}: not a pixel format. Four letters name one, such as MJPG or YUYV.")
        self._device = f"/dev/video{uri}" if uri.isdigit() else uri
        self._open_camera = open_camera
        self._facts: dict[str, Any] = {"kind": "camera", "device": self._device}

    def _connect(self) -> CameraConnection:
        connection = CameraConnection(self._open_camera, self._device, self._options, self._patience)
        self._facts |= connection.facts
        self._note(connection.differences)
        return connection

    def _note(self, differences: list[str]) -> None:
        """Warn of what the camera gives instead of what was asked for, once."""
        lines = [f"{self.uri}: {difference}" for difference in differences]
        self.warnings += [line for line in lines if line not in self.warnings]

    def _facts_of_connection(self) -> dict[str, Any]:
        return dict(self._facts)

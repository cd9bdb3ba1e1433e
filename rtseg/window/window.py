"""The window itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from rtseg.frame import Labelled
from rtseg.stages.colorize import Colorize
from rtseg.window import keys
from rtseg.window.snapshot import bgr_from_picture, save_snapshot
from rtseg.window.strip import draw_help, draw_strip, strip_height

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray
    from typing_extensions import Self

    from rtseg.classes import ClassSet
    from rtseg.frame import Painted
    from rtseg.stages.look import Look
    from rtseg.window.latest import LatestPicture
    from rtseg.window.strip import Status

_FIRST_WIDTH = 1280
_STATUS_EVERY_S = 0.25
"""Figures that change more often cannot be read."""
_MESSAGE_S = 2.5
_NO_KEY = -1


class HasLook(Protocol):
    """What paints, and lets its look be changed from any thread."""

    look: Look


class Window:
    """Shows the latest picture with figures below it, and takes keys. Used by one thread, the main one.

    Call `rtseg.window.display.open_display` before anything else: where no window can be, making one aborts
    the process, and where PyAV was imported before, it hangs.

    Attributes:
        is_paused: whether the picture stands; the pipeline goes on.
    """

    def __init__(
        self,
        latest: LatestPicture,
        painter: HasLook,
        classes: ClassSet,
        *,
        title: str = "rtseg",
        snapshots: Path | None = None,
    ) -> None:
        """Prepare; there is no window yet.

        Args:
            latest: where pictures come from.
            painter: what keys change the look of.
            classes: the classes, for their keys.
            title: of the window.
            snapshots: the folder for them; None for the current one.
        """
        self._latest = latest
        self._painter = painter
        self._classes = classes
        self._title = title
        self._folder = snapshots or Path()
        self._reformatter = VideoReformatter()
        self._repainter = Colorize(classes)
        self._painted: Painted | None = None
        self._shown: Painted | None = None
        self._canvas = np.zeros((0, 0, 3), np.uint8)
        self._parts: list[str] = []
        self._parts_until_s = 0.0
        self._message = ""
        self._message_until_s = 0.0
        self._has_help = False
        self._is_full_screen = False
        self._was_visible = False
        self.is_paused = False

    def __enter__(self) -> Self:
        """Open the window."""
        cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.resizeWindow(self._title, _FIRST_WIDTH, _FIRST_WIDTH * 9 // 16 + strip_height(_FIRST_WIDTH))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        if self._is_open():
            cv2.destroyWindow(self._title)
        cv2.pollKey()

    def tick(self, status: Status) -> bool:
        """Take keys and draw what is new; a few milliseconds, to be called some 60 times a second.

        Returns:
            False if the user wants to quit: by key, or by closing the window.
        """
        wants_on = True
        while (code := cv2.pollKey()) != _NO_KEY:
            wants_on = self._take_key(chr(code & 0xFF)) and wants_on
        if self._was_visible and not self._is_open():
            return False
        self._was_visible = self._is_open()
        is_new = self._renew_picture() | self._renew_text(status)
        if is_new or self._size() != self._canvas.shape[1::-1]:
            self._draw()
        return wants_on

    def _take_key(self, key: str) -> bool:
        """Do what a key asks for; False if that is to quit."""
        if key in keys.QUIT:
            return False
        if key == keys.PAUSE:
            self.is_paused = not self.is_paused
        elif key == keys.SNAPSHOT:
            self._snapshot()
        elif key == keys.FULL_SCREEN:
            self._is_full_screen = not self._is_full_screen
            mode = cv2.WINDOW_FULLSCREEN if self._is_full_screen else cv2.WINDOW_NORMAL
            cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, mode)
        elif key == keys.HELP:
            self._has_help = not self._has_help
        else:
            self._change_look(key)
            return True
        self._parts_until_s = 0
        return True

    def _change_look(self, key: str) -> None:
        look = keys.changed_look(self._painter.look, key, self._classes)
        if look is None:
            return
        self._painter.look = look
        self._say(keys.description(look, self._classes))
        if self.is_paused and self._painted is not None:
            # The pipeline paints later pictures only; the one that stands is painted again here.
            self._repainter.look = look
            self._painted = self._repainter.process(Labelled(self._painted.frame, self._painted.label_map))

    def _snapshot(self) -> None:
        if self._painted is None:
            return
        try:
            self._say(f"saved {save_snapshot(self._painted, self._folder)}")
        except OSError as error:
            self._say(f"no snapshot: {error.strerror or error}")

    def _say(self, message: str) -> None:
        self._message, self._message_until_s = message, time.monotonic() + _MESSAGE_S
        self._parts_until_s = 0

    def _renew_picture(self) -> bool:
        """Take the latest picture; whether there is another to draw."""
        if not self.is_paused:
            self._painted = self._latest.painted
        is_new = self._painted is not self._shown
        self._shown = self._painted
        return is_new

    def _renew_text(self, status: Status) -> bool:
        """Take the figures, now and then; whether there are others to draw."""
        now_s = time.monotonic()
        if now_s < self._parts_until_s:
            return False
        self._parts_until_s = now_s + _STATUS_EVERY_S
        parts = [self._message] if now_s < self._message_until_s else status.parts()
        self._parts = ["PAUSED", *parts] if self.is_paused else parts
        return True

    def _draw(self) -> None:
        width, height = self._size()
        if width < 1 or height < 1:
            return
        if self._canvas.shape[:2] != (height, width):
            self._canvas = np.zeros((height, width, 3), np.uint8)
        rows = min(strip_height(width), height)
        picture_area = self._canvas[: height - rows]
        if self._painted is None:
            picture_area[:] = 0
        elif picture_area.size:
            self._draw_picture(self._painted, picture_area)
        if self._has_help and picture_area.size:
            draw_help(picture_area, self._classes, self._painter.look)
        draw_strip(self._canvas[height - rows :], self._parts, "h: help")
        cv2.imshow(self._title, self._canvas)

    def _draw_picture(self, painted: Painted, area: NDArray[np.uint8]) -> None:
        """Fit the picture into the area, black around it."""
        picture = painted.picture
        area_height, area_width = area.shape[:2]
        scale = min(area_width / picture.width, area_height / picture.height)
        width = max(1, min(area_width, round(picture.width * scale)))
        height = max(1, min(area_height, round(picture.height * scale)))
        top, left = (area_height - height) // 2, (area_width - width) // 2
        if (height, width) != (area_height, area_width):
            area[:] = 0
        area[top : top + height, left : left + width] = bgr_from_picture(
            picture, self._reformatter, (width, height)
        )

    def _size(self) -> tuple[int, int]:
        """Width and height of what the window shows."""
        _, _, width, height = cv2.getWindowImageRect(self._title)
        return width, height

    def _is_open(self) -> bool:
        try:
            return bool(cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1)
        except cv2.error:
            return False

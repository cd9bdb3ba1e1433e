"""OpenCV without its messages on the user's terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import cv2

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def opencv_quiet() -> Iterator[None]:
    """Let OpenCV's reading of cameras say nothing: what matters is said by us, in plain words."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)

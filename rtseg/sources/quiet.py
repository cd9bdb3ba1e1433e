"""OpenCV without its messages on the user's terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import cv2

if TYPE_CHECKING:
    from collections.abc import Iterator

_SILENT = 0


@contextmanager
def opencv_quiet() -> Iterator[None]:
    """Let OpenCV's reading of cameras say nothing: what matters is said by us, in plain words."""
    logging = getattr(cv2.utils, "logging", cv2)  # it is in the module itself up to OpenCV 4
    level = logging.getLogLevel()
    logging.setLogLevel(_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)

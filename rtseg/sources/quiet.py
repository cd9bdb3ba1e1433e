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
    logging = getattr(cv2.utils, "logging", None)  # OpenCV of older Jetsons has none
    if logging is None:
        yield
        return
    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)

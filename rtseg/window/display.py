"""Whether there can be a window here; the module to import first, as it must come before PyAV."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from rtseg.errors import OutputError

_LONGEST_S = 15
_TRIAL = "import cv2; cv2.namedWindow('rtseg'); cv2.pollKey(); cv2.destroyAllWindows()"


def open_display() -> None:
    """Make ready for windows, or say why there can be none; takes half a second. From the main thread.

    Call it before anything that imports PyAV: its wheels bring an X library of their own, and OpenCV's
    windows hang for ever where that is loaded before them (opencv issue 29195, PyAV issue 1050).

    Tried in another process first: Qt, which OpenCV's windows are made with, aborts where it finds no
    display.

    Raises:
        OutputError: there is no display, it cannot be reached, or this OpenCV has no windows.
    """
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if not display:
        raise OutputError(
            "--window: there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set). "
            "Run it in a graphical session, or leave --window out."
        )
    av_came_first = "av" in sys.modules
    _check_has_windows()
    try:
        is_good = _trial("import av; " + _TRIAL if av_came_first else _TRIAL).returncode == 0
    except subprocess.TimeoutExpired:
        if av_came_first:
            raise OutputError(
                "--window: PyAV was imported before OpenCV's windows were, and they hang then. "
                "Call rtseg.window.display.open_display() first of all."
            ) from None
        is_good = False
    if not is_good:
        raise OutputError(
            f"--window: the display {display} cannot be used: no connection, or no permission. "
            "Run it in a graphical session of your own, or leave --window out."
        )
    _load_windows()


def _check_has_windows() -> None:
    import cv2

    if re.search(r"GUI:\s+NONE", cv2.getBuildInformation()):
        raise OutputError(
            "--window: this OpenCV has no windows (opencv-python-headless). "
            "Install opencv-python in its place, or leave --window out."
        )


def _trial(code: str) -> subprocess.CompletedProcess[bytes]:
    """Run code in another Python; subprocess.TimeoutExpired if it hangs."""
    return subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=_LONGEST_S,
        check=False,
    )


def _load_windows() -> None:
    """Open a window and close it again, which loads all that windows need."""
    import cv2

    # Otherwise Qt tells the terminal that OpenCV's wheels come without fonts; nothing of ours needs any.
    os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")
    cv2.namedWindow("rtseg is starting")
    cv2.destroyWindow("rtseg is starting")

"""The synthetic drive as a source: synth://WIDTHxHEIGHT@FPS?seconds=S&seed=N."""

from __future__ import annotations

import re
import time
from fractions import Fraction
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from rtseg.errors import SourceError
from rtseg.frame import Frame
from rtseg.sources.drive import picture_from_rgb, render

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Self

SMALLEST_WIDTH, SMALLEST_HEIGHT = 64, 48
"""Below this the strip with the frame's number has no room."""

LARGEST_SIDE = 8192
HIGHEST_FPS = 1000
_EXAMPLE = "synth://640x480@25?seconds=10&seed=0"
_URI = re.compile(r"synth://(?P<width>\d{1,9})x(?P<height>\d{1,9})@(?P<fps>[^?]+)(\?(?P<query>.*))?")
_NUMBER = re.compile(r"\d{1,9}(\.\d{1,9}|/\d{1,9})?")


class SyntheticDrive:
    """A rendered street that moves as one drives, with exact labels; the same pixels for the same arguments.

    A context manager that holds nothing open. It can be iterated again and again.

    Attributes:
        uri: the arguments as one line; `from_uri` of it is an equal drive.
        width: pixels a row, even or odd.
        height: rows.
        fps: frames a second.
        frame_count: exactly how many frames there are: those that begin before `seconds` have passed.
        time_base: seconds between frames; `pts` is the frame's index.
        seed: which drive.
        film: None.
        first_pts: 0.
        exhausted: whether the last frame was delivered.
        warnings: stays empty.
    """

    def __init__(
        self, width: int, height: int, fps: Fraction, *, seconds: Fraction = Fraction(10), seed: int = 0
    ) -> None:
        """Describe a drive; nothing is rendered yet.

        Raises:
            SourceError: an argument is out of range.
        """
        if not (SMALLEST_WIDTH <= width <= LARGEST_SIDE and SMALLEST_HEIGHT <= height <= LARGEST_SIDE):
            raise _wrong(
                f"{width}x{height} is out of range; sizes go from {SMALLEST_WIDTH}x{SMALLEST_HEIGHT} "
                f"to {LARGEST_SIDE}x{LARGEST_SIDE}"
            )
        if not 0 < fps <= HIGHEST_FPS:
            raise _wrong(f"{fps} frames a second is out of range; above 0, up to {HIGHEST_FPS}")
        if seconds <= 0:
            raise _wrong(f"seconds={seconds} leaves nothing to render; give more than 0")
        if seed < 0:
            raise _wrong(f"seed={seed} is negative; give 0 or more")
        self.width, self.height = width, height
        self.fps = fps
        self.seed = seed
        self.time_base = 1 / fps
        self.frame_count: int = -(-(seconds * fps).numerator // (seconds * fps).denominator)
        self.uri = f"synth://{width}x{height}@{fps}?seconds={seconds}&seed={seed}"
        self.film = None
        self.first_pts = 0
        self._begin = 0
        self.exhausted = False
        self.warnings: list[str] = []

    @classmethod
    def from_uri(cls, uri: str) -> Self:
        """Read synth://WIDTHxHEIGHT@FPS?seconds=S&seed=N; FPS and S may be 25, 29.97 or 30000/1001.

        Raises:
            SourceError: it is not of that form, or a value is out of range.
        """
        match = _URI.fullmatch(uri)
        if match is None:
            raise _wrong(f"{uri} is not of the form synth://WIDTHxHEIGHT@FPS")
        query = _query(match["query"] or "")
        return cls(
            int(match["width"]),
            int(match["height"]),
            _number("FPS", match["fps"]),
            seconds=_number("seconds", query.get("seconds", "10")),
            seed=_whole("seed", query.get("seed", "0")),
        )

    def __enter__(self) -> Self:
        """Nothing is to be opened."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing is to be closed."""

    def __iter__(self) -> Iterator[Frame]:
        """All frames, as fast as they are rendered: yuv420p, tagged BT.709, limited range."""
        for index in range(self._begin, self.frame_count):
            yield self.frame_from_rgb(self.render(index)[0], index)
        self.exhausted = True

    def begin_at(self, index: int, after_pts: int | None = None) -> None:  # noqa: ARG002
        """Deliver only the frames from `index` on; before the iteration."""
        self._begin = index

    def render(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Frame `index`, in any order and from any thread, as `rtseg.sources.drive.render` gives it."""
        return render(self.width, self.height, self.fps, self.seed, index)

    def frame_from_rgb(self, image_rgb: NDArray[np.uint8], index: int) -> Frame:
        """Wrap what `render` gave."""
        picture = picture_from_rgb(image_rgb)
        picture.pts, picture.time_base = index, self.time_base
        return Frame(index, index, self.time_base, time.monotonic_ns(), picture)


def _query(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        if key not in ("seconds", "seed"):
            raise _wrong(f"a synthetic drive has no setting {key!r}; there are seconds and seed")
        if key in values:
            raise _wrong(f"{key} is given twice")
        values[key] = value
    return values


def _number(name: str, text: str) -> Fraction:
    if _NUMBER.fullmatch(text) is None or text.endswith("/0"):
        raise _wrong(f"{name}={text} is not a number above 0")
    return Fraction(text)


def _whole(name: str, text: str) -> int:
    if re.fullmatch(r"\d{1,18}", text) is None:
        raise _wrong(f"{name}={text} is not a whole number from 0 up")
    return int(text)


def _wrong(what: str) -> SourceError:
    return SourceError(f"{what}. An example that works: {_EXAMPLE}")

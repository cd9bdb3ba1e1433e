"""What cameras, streams and films played as a camera have in common: frames that come when they come."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, Protocol

from rtseg.frame import Frame
from rtseg.pipeline.clock import NS_PER_S
from rtseg.sources.base import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    import av

TIME_BASE = Fraction(1, 90_000)
"""Seconds a unit of a live frame's `pts`."""


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How a live source is to be opened, and how long it is waited for.

    Attributes:
        camera_size: (width, height) to ask a camera for; None for what it gives by itself.
        camera_fps: frames a second to ask a camera for.
        camera_format: four letters that name its pixel format, such as MJPG or YUYV.
        transport: how RTSP sends its packets.
        open_timeout_s: the longest that opening may take, up to the first picture.
        read_timeout_s: without a packet for so long, a source is taken for lost.
        give_up_s: after so long without a picture a lost source is an error; None: it is tried for ever.
        loop: a film played as a camera begins anew at its end.
        listen: RTSP only: wait until somebody pushes the stream to the address, and do not ask for it there.
    """

    camera_size: tuple[int, int] | None = None
    camera_fps: float | None = None
    camera_format: str | None = None
    transport: Literal["tcp", "udp"] = "tcp"
    open_timeout_s: float = 10.0
    read_timeout_s: float = 5.0
    give_up_s: float | None = None
    loop: bool = False
    listen: bool = False


class LiveSource(Source, Protocol):
    """A source whose frames come at their own times, without end or until it is told to end.

    `pts` is the time from the first frame's capture to this one's, in 1/90000 s, strictly rising; `width` and
    `height` are the first picture's, and later ones of another size are scaled to it. `film` and
    `frame_count` are None, `first_pts` is 0, and there is no beginning at another frame than the first.
    """

    @property
    def losses(self) -> Mapping[str, int]:
        """How many frames were lost before they became a `Frame`, up to now, by cause. From any thread."""

    def stop(self) -> None:
        """End the iteration soon, whatever it waits for. From any thread and from a signal handler."""
        ...

    def facts(self) -> dict[str, Any]:
        """What the source really is and how it went, up to now, ready for JSON. From any thread."""
        ...


class Framer:
    """Numbers pictures, stamps them and brings them to the size of the first.

    Attributes:
        width: pixels a row; 0 before the first picture.
        height: rows.
        resized: pictures that had another size and were scaled.
        changes: how often the size changed.
        count: frames made.
    """

    def __init__(self) -> None:
        self.width = self.height = 0
        self.resized = 0
        self.changes = 0
        self.count = 0
        self._size = (0, 0)
        self._first_ns = 0
        self._last_pts = -1

    def see(self, picture: av.VideoFrame) -> None:
        """Take the size of the first picture, without making a frame of it."""
        self.width, self.height = self._size = picture.width, picture.height

    def frame_from(self, picture: av.VideoFrame, captured_ns: int) -> Frame:
        """Make the next frame of a picture, upright, that was in memory at `captured_ns` (monotonic)."""
        size = (picture.width, picture.height)
        if not self.width:
            self.see(picture)
        self.changes += size != self._size
        self._size = size
        if size != (self.width, self.height):
            self.resized += 1
            picture = picture.reformat(self.width, self.height, threads=1)
        if not self.count:
            self._first_ns = captured_ns
        pts = (captured_ns - self._first_ns) * TIME_BASE.denominator // NS_PER_S
        self._last_pts = max(pts, self._last_pts + 1)
        frame = Frame(self.count, self._last_pts, TIME_BASE, captured_ns, picture)
        self.count += 1
        return frame


def refuse_beginning(index: int) -> None:
    """Check that a live source is asked for nothing but its beginning; ValueError otherwise."""
    if index:
        raise ValueError(f"a live source has no frame {index} to begin at")

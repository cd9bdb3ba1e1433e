"""A source, cut to the length asked for."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rtseg.frame import Frame
    from rtseg.sources.base import Source


class Capture:
    """The frames of a source until a number of them, or a time on the source's own clock, is reached.

    The source is opened and closed by the caller.
    """

    name = "capture"

    def __init__(
        self,
        source: Source,
        *,
        begin: int = 0,
        after_pts: int | None = None,
        max_frames: int | None = None,
        seconds: float | None = None,
    ) -> None:
        """Choose the limits.

        Args:
            source: an entered source.
            begin: number of the first frame to deliver; the limits count from the source's first.
            after_pts: presentation time of the frame before that one, where it is known.
            max_frames: end after this many; None for all.
            seconds: deliver frames shown within this time of the first; None for all.
        """
        self._source = source
        self._begin = begin
        self._after_pts = after_pts
        self._max_frames = max_frames
        # By its digits: the float nearest to 0.4 is a little more, and would let one frame too many through.
        self._seconds = Fraction(str(seconds)) if seconds is not None else None

    @property
    def losses(self) -> Mapping[str, int]:
        """Frames that a live source knows to have lost so far, by cause."""
        losses: Mapping[str, int] = getattr(self._source, "losses", {})
        return losses

    @property
    def frame_count(self) -> int | None:
        """How many frames to expect, as far as the source can tell. For progress bars only."""
        limits = [self._source.frame_count, self._max_frames]
        if self._seconds is not None:
            limits.append(round(self._seconds * self._source.fps))
        return min((limit for limit in limits if limit is not None), default=None)

    def __iter__(self) -> Iterator[Frame]:
        """Deliver the frames; no more are decoded than needed to see the limit."""
        if self._max_frames is not None and self._max_frames <= self._begin:
            return
        if self._begin:
            self._source.begin_at(self._begin, self._after_pts)
        for frame in self._source:
            since_first = (frame.pts - self._source.first_pts) * frame.time_base
            if self._seconds is not None and since_first >= self._seconds:
                return
            yield frame
            if frame.index + 1 == self._max_frames:
                return

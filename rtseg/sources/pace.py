"""Pictures let go at their own times."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rtseg.pipeline.clock import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from fractions import Fraction

    import av

    from rtseg.sources.patience import Patience

_JUMP_S = 1.0


class Pace:
    """Spaces pictures that come in heaps as their timestamps say.

    One that comes late is let go at once, and those behind it keep their distance to it: waiting makes
    nothing fresher. Where timestamps jump by more than a second, spacing begins anew.
    """

    def __init__(self, patience: Patience) -> None:
        """Waiting ends with `patience`."""
        self._patience = patience
        self._last: tuple[int, int] | None = None

    def paced(self, pictures: Iterable[av.VideoFrame], unit: Fraction) -> Iterator[av.VideoFrame]:
        """Let the pictures go; their timestamps come in units of `unit` seconds."""
        for picture in pictures:
            now_ns = time.monotonic_ns()
            due_ns = now_ns
            if self._last is not None and picture.pts is not None:
                last_pts, last_ns = self._last
                step_s = (picture.pts - last_pts) * unit
                if 0 < step_s <= _JUMP_S:
                    due_ns = max(now_ns, last_ns + round(step_s * NS_PER_S))
            if not self._patience.sleep_until_ns(due_ns):
                return
            if picture.pts is not None:
                self._last = (picture.pts, due_ns)
            yield picture

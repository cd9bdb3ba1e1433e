"""Labels that flicker less: what was shown has a say in what is shown next, moved along the optical flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtseg.frame import Labelled, LabelMap
from rtseg.stages.flow import FlowSearch, Mover
from rtseg.stages.vote import merged

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from numpy.typing import NDArray
    from typing_extensions import Self

    from rtseg.frame import Frame
    from rtseg.stages.flow import Displacement

LATE_FRAMES = 2
"""For so many frames in a row, at most, a pixel may show something else than it would without smoothing."""

_SHARE_OF_BEFORE = 102
"""Of 255. With more, flicker goes on falling, and so does mIoU (`benchmarks/flicker.py`, DECISIONS.md)."""


class Smooth:
    """Hysteresis along the flow: a pixel changes its class once enough around it says so.

    What was shown is moved to where it is now. With two fifths of the votes it decides with the frame's own
    labels on every pixel, over the 3×3 around it: a lone pixel has to convince its surroundings first,
    anything larger is there at once. Where the vote has gone against a frame's own labels `LATE_FRAMES` times
    in a row, those are shown. So nothing is late by more than that, whatever the flow says. At a cut, and
    with every `period`th frame, all begins anew.

    Used by one thread, frame after frame; others may read.

    Attributes:
        frames: how many frames went through.
        held: the mean share of their pixels that showed something else than their own labels, 0…1.
    """

    name = "smooth"

    def __init__(self, period: int | None = None) -> None:
        """Choose after how many frames all begins anew, None for never."""
        self.frames = 0
        self._period = period
        self._search = FlowSearch()
        self._mover = Mover()
        self._last: Frame | None = None
        self._small = self._shown = self._late = np.empty((0, 0), np.uint8)
        self._held_shares = 0.0

    def __enter__(self) -> Self:
        """Do nothing; there is nothing to open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Do nothing; there is nothing to close."""

    @property
    def held(self) -> float:
        """See the class."""
        return self._held_shares / max(self.frames, 1)

    def summary(self) -> Mapping[str, object]:
        """What came of it, JSON-ready."""
        return {"late_frames_at_most": LATE_FRAMES, "held": self.held}

    def process(self, labelled: Labelled) -> Labelled:
        """Smooth a frame's labels; what came in is only read."""
        frame, label_map = labelled.frame, labelled.label_map
        small = self._search.small_from(frame.picture)
        step = self._step_to(frame, small, label_map.ids.shape)
        if step is None:
            self._shown, self._late = label_map.ids, np.zeros_like(label_map.ids)
        else:
            self._shown = self._smoothed(label_map.ids, step)
        self._last, self._small = frame, small
        self.frames += 1
        return Labelled(frame, LabelMap(self._shown, label_map.fate))

    def _step_to(self, frame: Frame, small: NDArray[np.uint8], shape: tuple[int, ...]) -> Displacement | None:
        """Where each pixel was in the frame before; None where nothing leads from there."""
        last = self._last
        begins = self._period is not None and frame.index % self._period == 0
        if last is None or begins or shape != self._shown.shape or small.shape != self._small.shape:
            return None
        return self._search.step(small, self._small)

    def _smoothed(self, ids: NDArray[np.uint8], step: Displacement) -> NDArray[np.uint8]:
        before = self._mover.moved(self._shown, step)
        chosen = merged(before, ids, np.full_like(ids, _SHARE_OF_BEFORE))
        may_differ = cv2.compare(self._late, LATE_FRAMES, cv2.CMP_LT)
        differs = cv2.bitwise_and(cv2.compare(chosen, ids, cv2.CMP_NE), may_differ)
        self._late = np.asarray(cv2.bitwise_and(cv2.add(self._late, 1), differs), np.uint8)
        self._held_shares += cv2.countNonZero(differs) / differs.size
        return np.asarray(cv2.copyTo(chosen, differs, ids.copy()), np.uint8)

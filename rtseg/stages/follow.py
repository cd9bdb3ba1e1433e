"""How each frame follows from those before it, and which frames are to be inferred."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtseg.frame import Followed
from rtseg.stages.flow import FlowSearch, brought, composed

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray
    from typing_extensions import Self

    from rtseg.frame import Frame
    from rtseg.stages.flow import Displacement
    from rtseg.stages.keys import KeyRule

# benchmarks/every.py: on CamVid's film half as many pixels, or a wider stride, cost half a point of mIoU.
_SMALL_PIXELS = 19_200
"""About so many pixels the flow is computed on: 160×120 of a 4:3 picture."""
_PATCH_STRIDE = 4


class Follow:
    """Finds out how every frame has moved since the latest key frame, and lets a rule say when a new one is due.

    A key frame comes at the beginning, where nothing leads from the frame before (a cut, another size), and
    where the rule wants one. Everything begins anew with every `period`th frame, and the last frame before
    that is a key frame, too: so what is made of a period's frames depends on them alone, wherever a run began.
    """

    name = "follow"

    def __init__(self, rule: KeyRule, period: int) -> None:
        """Choose the rule, and after how many frames all begins anew."""
        self.rule = rule
        self._period = period
        self._search = FlowSearch(_SMALL_PIXELS, _PATCH_STRIDE)
        self._last: Followed | None = None
        self._key_index = 0
        self._key_small = np.empty((0, 0), np.uint8)

    def __enter__(self) -> Self:
        """Do nothing; there is nothing to open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Do nothing; there is nothing to close."""

    def process(self, frame: Frame) -> Followed:
        """Look at the next frame; its picture is only read."""
        small = self._search.small_from(frame.picture)
        step = self._step_to(frame, small)
        if step is None or self._last is None:
            return self._noted(Followed(frame, True, small, None, None, None))
        before = None if self._last.is_key else self._last.from_key
        from_key = step if before is None else composed(step, before)
        residual = np.asarray(cv2.absdiff(small, brought(self._key_small, from_key)), np.uint8)
        age = frame.index - self._key_index
        is_due = self.rule.is_due(age, residual, small) or (frame.index + 1) % self._period == 0
        return self._noted(Followed(frame, is_due, small, step, from_key, residual))

    def _step_to(self, frame: Frame, small: NDArray[np.uint8]) -> Displacement | None:
        last = self._last
        if last is None or frame.index % self._period == 0:
            return None
        size, last_size = ((one.picture.width, one.picture.height) for one in (frame, last.frame))
        return self._search.step(small, last.small) if size == last_size else None

    def _noted(self, followed: Followed) -> Followed:
        self._last = followed
        if followed.is_key:
            self._key_index, self._key_small = followed.frame.index, followed.small
            self.rule.begin(followed.small)
        return followed

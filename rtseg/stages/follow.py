"""How each frame follows from those before it, and which frames are to be inferred."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtseg.frame import Followed
from rtseg.stages.flow import FlowSearch, brought, coarser, composed, inverted
from rtseg.stages.keys import doubt

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray
    from typing_extensions import Self

    from rtseg.frame import Frame
    from rtseg.stages.flow import Displacement
    from rtseg.stages.keys import KeyRule

# On CamVid's film half as many pixels cost 0.4 points of mIoU at every 5th frame (DECISIONS.md).
_SMALL_PIXELS = 15_500
"""About so many pixels the flow is computed on: 160×120 of CamVid, 160×90 of 1280×720."""
_PATCH_STRIDE = 4


class Follow:
    """Finds out how every frame has moved since the latest key frame; a rule says when a new one is due.

    A key frame comes at the beginning, where nothing leads from the frame before (a cut, another size), and
    where the rule wants one. All begins anew with every `period`th frame, and the last frame before that is a
    key frame, too: so what is made of a period's frames depends on them alone, wherever a run began.
    """

    name = "follow"

    def __init__(self, rule: KeyRule, period: int) -> None:
        """Choose the rule, and after how many frames all begins anew."""
        self._rule = rule
        self._period = period
        self._search = FlowSearch(_SMALL_PIXELS, _PATCH_STRIDE)
        self._last: Followed | None = None
        self._key_index = 0
        self._key_small = np.empty((0, 0), np.uint8)
        self._from_key: Displacement | None = None
        self._to_here: Displacement | None = None
        """From the last key frame to the last frame, coarser; None at the key frame itself."""

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
        if step is None:
            followed = Followed(frame, True, small, None, None, None, None)
        else:
            followed = self._led(frame, small, step)
        if followed.is_key:
            self._rule.begin(0 if step is None else frame.index - self._key_index)
            self._key_index, self._key_small = frame.index, small
            self._from_key = self._to_here = None
        self._last = followed
        return followed

    def _step_to(self, frame: Frame, small: NDArray[np.uint8]) -> Displacement | None:
        """Where each pixel was in the frame before; None where nothing leads from there."""
        last = self._last
        if last is None or frame.index % self._period == 0:
            return None
        size, last_size = ((one.picture.width, one.picture.height) for one in (frame, last.frame))
        return self._search.step(small, last.small) if size == last_size else None

    def _led(self, frame: Frame, small: NDArray[np.uint8], step: Displacement) -> Followed:
        """Go on from the frame before, by a step."""
        back = inverted(step)
        from_key = step if self._from_key is None else composed(step, self._from_key)
        to_here = coarser(back) if self._to_here is None else composed(self._to_here, coarser(back))
        self._from_key, self._to_here = from_key, to_here
        residual = np.asarray(cv2.absdiff(small, brought(self._key_small, from_key)), np.uint8)
        age = frame.index - self._key_index
        is_last_of_all = (frame.index + 1) % self._period == 0
        is_key = is_last_of_all or self._rule.is_due(age, doubt(small, residual, from_key, to_here))
        return Followed(frame, is_key, small, step, back, from_key, residual)

"""Labels of frames that were not inferred, from the inferred frames on both sides of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtseg.frame import Labelled, LabelMap
from rtseg.stages.flow import Mover, brought, composed
from rtseg.stages.vote import merged

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray
    from typing_extensions import Self

    from rtseg.frame import Followed
    from rtseg.pipeline.gaps import Placed
    from rtseg.stages.flow import Displacement

    Bytes = NDArray[np.uint8]

# Found on CamVid's labelled 15 Hz run: DECISIONS.md, "Fewer frames".
_NOISE = 2.0
"""Levels by which pixels differ that are the same thing."""
_AGEING = 0.25
"""How trust falls with distance: a power of the number of frames."""


class Between:
    """Gives key frames their own labels, and the frames between two of them those of both, moved to it.

    At each pixel both vote, the one more whose key frame looks more like this frame there, and is nearer.
    Where no key frame comes after it (the end of the film, a cut), those from before are all there is.
    """

    name = "propagate"

    def __init__(self) -> None:
        self._mover = Mover()
        self._gap: int | None = None
        self._to_key: dict[int, Displacement] = {}
        """Where each pixel of a frame lies in the next key frame, by the frame's number, in one gap."""

    def __enter__(self) -> Self:
        """Do nothing; there is nothing to open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Do nothing; there is nothing to close."""

    def process(self, placed: Placed) -> Labelled:
        """Label a frame."""
        followed, before = placed.followed, placed.before
        if followed.is_key:
            return before
        assert followed.from_key is not None
        ids = self._mover.moved(before.label_map.ids, followed.from_key)
        to_key = self._displacement_to_key(placed)
        if placed.after is not None and to_key is not None:
            other = self._mover.moved(placed.after.label_map.ids, to_key)
            ids = merged(ids, other, _share_of_before(placed, to_key, ids.shape))
        return Labelled(followed.frame, LabelMap(ids, "propagated"))

    def _displacement_to_key(self, placed: Placed) -> Displacement | None:
        """Where each pixel lies in the next key frame; None where nothing leads there."""
        if not placed.until or placed.until[-1].back is None:
            return None
        key = placed.until[-1].frame.index
        if key != self._gap:
            self._gap, self._to_key = key, _displacements((placed.followed, *placed.until))
        return self._to_key[placed.frame.index]


def _displacements(gap: tuple[Followed, ...]) -> dict[int, Displacement]:
    """From each frame to the last one, by the frames' numbers; composed from the last one backwards."""
    found: dict[int, Displacement] = {}
    to_key: Displacement | None = None
    for followed, later in zip(gap[-2::-1], gap[:0:-1], strict=True):
        assert later.back is not None
        to_key = later.back if to_key is None else composed(later.back, to_key)
        found[followed.frame.index] = to_key
    return found


def _share_of_before(placed: Placed, to_key: Displacement, shape: tuple[int, ...]) -> Bytes:
    """How much the labels from before count at each pixel, 0…255, of the labels' shape (H, W)."""
    followed, key = placed.followed, placed.until[-1]
    assert followed.residual is not None
    residual_after = cv2.absdiff(followed.small, brought(key.small, to_key))
    age_before = followed.frame.index - placed.before.frame.index
    doubt_before = _doubt(followed.residual, age_before)
    doubt_after = _doubt(residual_after, key.frame.index - followed.frame.index)
    share = doubt_after / (doubt_before + doubt_after) * 255
    return np.asarray(
        cv2.resize(share.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8
    )


def _doubt(residual: Bytes, age: int) -> NDArray[np.float32]:
    around = cv2.blur(residual, (3, 3)).astype(np.float32)
    return np.asarray((around + np.float32(_NOISE)) * np.float32(age**_AGEING), np.float32)

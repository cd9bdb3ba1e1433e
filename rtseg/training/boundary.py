"""Boundary IoU: how well edges lie (Cheng et al. 2021)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rtseg.classes import ClassSet

_SHARE_OF_DIAGONAL = 0.005
"""How wide the strips are, as the authors have it for street scenes: 3 pixels of 480×360."""
_SQUARE = np.ones((3, 3), np.uint8)


class Boundaries:
    """Exact pixel counts along edges: of each class only the strip inside its outline.

    The middle of a road counts for nothing here, so a score tells of edges and thin things. Where the image
    ends is no edge, and what is predicted over void is left out.
    """

    def __init__(self, classes: ClassSet) -> None:
        self.classes = classes
        self._hits, self._union = np.zeros((2, len(classes)), np.int64)

    def add(self, truth: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> None:
        """Count one image: `truth` and `predicted` are class ids of the same shape; `truth` may hold void.

        Raises:
            ValueError: the shapes differ.
        """
        if truth.shape != predicted.shape:
            raise ValueError(f"truth is {truth.shape}, predicted is {predicted.shape}")
        width = max(1, round(_SHARE_OF_DIAGONAL * math.hypot(*truth.shape)))
        known = np.where(truth < len(self.classes), predicted, truth)
        for id_ in range(len(self.classes)):
            ours, theirs = (_strip(ids == id_, width) for ids in (truth, known))
            self._hits[id_] += np.count_nonzero(ours & theirs)
            self._union[id_] += np.count_nonzero(ours | theirs)

    def iou(self) -> dict[str, float]:
        """Intersection over union of the strips by class; one that never has an edge is left out."""
        return {
            name: int(hits) / int(union)
            for name, hits, union in zip(self.classes.names, self._hits, self._union, strict=True)
            if union
        }

    def miou(self) -> float:
        """Mean of `iou()`; NaN before any edge was seen."""
        ious = list(self.iou().values())
        return sum(ious) / len(ious) if ious else float("nan")


def _strip(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    inside = cv2.erode(mask.view(np.uint8), _SQUARE, iterations=width)
    return mask & ~np.asarray(inside, np.bool_)

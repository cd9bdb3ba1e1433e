"""The confusion matrix, and the scores that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rtseg.classes import ClassSet


class ConfusionMatrix:
    """Exact pixel counts: `counts[t, p]` pixels of class t were labelled p (int64); void is left out."""

    def __init__(self, classes: ClassSet) -> None:
        self.classes = classes
        self.counts = np.zeros((len(classes), len(classes)), dtype=np.int64)

    def add(self, truth: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> None:
        """Count one image: `truth` and `predicted` are class ids of the same shape; `truth` may hold void.

        Raises:
            ValueError: the shapes differ, or a predicted id is not a class.
        """
        if truth.shape != predicted.shape:
            raise ValueError(f"truth is {truth.shape}, predicted is {predicted.shape}")
        size = len(self.classes)
        if predicted.size and int(predicted.max()) >= size:
            raise ValueError(f"predicted id {int(predicted.max())} is not one of {size} classes")
        known = truth < size
        pairs = truth[known].astype(np.int64) * size + predicted[known]
        self.counts += np.bincount(pairs, minlength=size * size).reshape(size, size)

    def iou(self) -> dict[str, float]:
        """Intersection over union by class; one that never occurs in truth or prediction is left out."""
        hits = np.diag(self.counts)
        union = self.counts.sum(axis=0) + self.counts.sum(axis=1) - hits
        return {
            name: int(hit) / int(whole)
            for name, hit, whole in zip(self.classes.names, hits, union, strict=True)
            if whole
        }

    def absent(self) -> list[str]:
        """Names of the classes that never occur in truth or prediction."""
        seen = self.iou()
        return [name for name in self.classes.names if name not in seen]

    def miou(self) -> float:
        """Mean of `iou()`; NaN before any pixel was counted."""
        ious = list(self.iou().values())
        return sum(ious) / len(ious) if ious else float("nan")

    def pixel_accuracy(self) -> float:
        """Share of known pixels with the right class; NaN before any pixel was counted."""
        total = int(self.counts.sum())
        return int(np.trace(self.counts)) / total if total else float("nan")

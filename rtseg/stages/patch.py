"""A small image laid over a corner of pictures, in their own planes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtseg.picture import plane_view
from rtseg.stages.colours import yuv_from_rgb

if TYPE_CHECKING:
    import av
    from av.video.reformatter import ColorRange
    from numpy.typing import NDArray

    from rtseg.stages.colours import Matrix


@dataclass(frozen=True, slots=True)
class _PlanePatch:
    """What a patch does to one plane: out = plane · keep / 255 + add, both uint8, at (top, left)."""

    top: int
    left: int
    keep: NDArray[np.uint8]
    add: NDArray[np.uint8]

    def apply(self, plane: NDArray[np.uint8]) -> None:
        height, width = self.keep.shape
        region = plane[self.top : self.top + height, self.left : self.left + width]
        cv2.multiply(region, self.keep, dst=region, scale=1 / 255)
        cv2.add(region, self.add, dst=region)


class Patch:
    """An image with opacities, made ready for one colour matrix and range, and one place."""

    def __init__(
        self,
        image_rgb: NDArray[np.float64],
        opacity: NDArray[np.float64],
        top_left: tuple[int, int],
        matrix: Matrix,
        colour_range: ColorRange,
    ) -> None:
        """Convert the image.

        Args:
            image_rgb: levels 0…255, (h, w, 3), h and w even.
            opacity: 0…1, (h, w).
            top_left: where it is laid, both even, in luma pixels; all of it has to lie inside the picture.
            matrix: of the pictures.
            colour_range: of the pictures.
        """
        levels = yuv_from_rgb(image_rgb.reshape(-1, 3), matrix, colour_range).reshape(image_rgb.shape)
        top, left = top_left
        self._planes = [_plane_patch(levels[..., 0], opacity, top, left)]
        small = _halved(opacity)
        self._planes += [
            _plane_patch(
                _halved(levels[..., i] * opacity) / np.maximum(small, 1e-6), small, top // 2, left // 2
            )
            for i in (1, 2)
        ]

    def paint(self, picture: av.VideoFrame) -> None:
        """Lay it over a yuv420p picture, in place."""
        for index, plane in enumerate(self._planes):
            plane.apply(plane_view(picture, index))


def _plane_patch(
    levels: NDArray[np.float64], opacity: NDArray[np.float64], top: int, left: int
) -> _PlanePatch:
    keep = np.rint(255 * (1 - opacity)).astype(np.uint8)
    # From the rounded share, so that the two always add up.
    add = np.rint(levels * (1 - keep / 255)).clip(0, 255).astype(np.uint8)
    return _PlanePatch(top, left, keep, add)


def _halved(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    height, width = plane.shape
    halved: NDArray[np.float64] = plane.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    return halved

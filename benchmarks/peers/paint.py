"""The overlay as all peers paint it that leave painting to their user: OpenCV, as in naive.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PALETTE_BGR = np.random.default_rng(3).integers(0, 256, (256, 3), np.uint8)


def overlaid(frame_bgr: NDArray[np.uint8], labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The frame with the labels' colours over it; labels of another size are enlarged."""
    size = (frame_bgr.shape[1], frame_bgr.shape[0])
    colours = PALETTE_BGR[labels]
    if labels.shape != frame_bgr.shape[:2]:
        colours = cv2.resize(colours, size, interpolation=cv2.INTER_NEAREST)
    painted: NDArray[np.uint8] = cv2.addWeighted(frame_bgr, 0.5, colours, 0.5, 0)
    return painted

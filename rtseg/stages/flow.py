"""Dense optical flow between small pictures, and what is done with it."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from rtseg.picture import plane_view

if TYPE_CHECKING:
    import av
    from numpy.typing import NDArray

    Displacement = NDArray[np.float32]
    """(h, w, 2): where each pixel of one frame lies in another, relative, x then y, in small pixels."""

# Found on CamVid's labelled 15 Hz run (docs/live.md): the finest scale matters most; denser patches or more
# steps cost as much again for half a point of mIoU.
_SMALL_PIXELS = 12_288
"""About so many pixels the flow is computed on, unless told otherwise: 128×96 of a 4:3 picture."""
_PATCH_STRIDE = 6
_DESCENT_STEPS = 8

_UNEXPLAINED = 0.6
"""Beyond this share of a picture's contrast that the moved picture before it does not explain, it is a cut.

Real steps of 1/15…1/30 s reach 0.3, those of 1/3 s 0.5; cuts between clips begin at 0.65.
"""
_LEAST_CONTRAST = 4.0
"""Levels. The contrast of a picture that shows next to nothing counts as this much: noise is no cut."""

_LEAST_SIDE = 12
"""Small pixels; with less the search refuses."""

_LUMA_FIRST = {
    "yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "yuv440p", "yuvj440p",
    "yuv410p", "yuv411p", "yuvj411p", "yuva420p", "yuva422p", "yuva444p",
    "nv12", "nv21", "nv16", "nv24", "gray",
}  # fmt: skip
"""Formats whose first plane is 8-bit luma."""


class FlowSearch:
    """Finds where things were in another picture: dense inverse search (Kroeger et al., 2016).

    Owned by one thread.
    """

    def __init__(self, small_pixels: int = _SMALL_PIXELS, patch_stride: int = _PATCH_STRIDE) -> None:
        """Choose how carefully.

        Args:
            small_pixels: about so many pixels pictures are reduced to; time grows with them.
            patch_stride: small pixels from one patch of 8×8 that is searched for to the next.
        """
        self._small_pixels = small_pixels
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._search.setFinestScale(0)
        self._search.setPatchStride(patch_stride)
        self._search.setGradientDescentIterations(_DESCENT_STEPS)
        self._reformatter = VideoReformatter()

    def small_from(self, picture: av.VideoFrame) -> NDArray[np.uint8]:
        """Reduce a picture of any size and format to its luma, uint8, (h, w), of its shape."""
        # Whole pixels are averaged: at other factors OpenCV takes seven times as long. Less than one small
        # pixel is left out at the right and at the bottom.
        factor = max(1, round(math.sqrt(picture.width * picture.height / self._small_pixels)))
        width, height = (max(1, side // factor) for side in (picture.width, picture.height))
        if picture.format.name not in _LUMA_FIRST:
            grey = self._reformatter.reformat(
                picture, width, height, "gray", interpolation=Interpolation.AREA, threads=1
            )
            return np.array(plane_view(grey, 0))
        luma = plane_view(picture, 0)[: height * factor, : width * factor]
        while factor % 2 == 0:  # four pixels to one: a fifth of the time of larger blocks
            factor //= 2
            luma = _reduced(luma, width * factor, height * factor)
        return _reduced(luma, width, height)

    def step(self, small: NDArray[np.uint8], before: NDArray[np.uint8]) -> Displacement | None:
        """Where each pixel of a small picture was in the one before it, of the same size.

        None at a cut, and where there is hardly a picture.
        """
        if min(small.shape) < _LEAST_SIDE:
            return None
        flow: Displacement = self._search.calc(small, before, None)
        # Deviations, not differences: a camera that adapts to the light makes no cut.
        _, unexplained = cv2.meanStdDev(cv2.subtract(small, brought(before, flow), dtype=cv2.CV_16S))
        _, contrast = cv2.meanStdDev(small)
        is_cut = unexplained.item() > _UNEXPLAINED * max(contrast.item(), _LEAST_CONTRAST)
        return None if is_cut else flow


class Mover:
    """Moves labels along displacements; keeps the memory that this takes. Owned by one thread."""

    def __init__(self) -> None:
        self._source_xy = np.empty((0, 0, 2), np.float32)

    def moved(self, ids: NDArray[np.uint8], displacement: Displacement) -> NDArray[np.uint8]:
        """Move class ids to where they lie in another frame.

        Args:
            ids: of one frame, uint8, (H, W), at any size; they are only read.
            displacement: where each pixel of the other frame lies in the one.

        Returns:
            Class ids, uint8, (H, W), the caller's own. What has come into the picture takes the nearest that
            was in it.
        """
        small_height, small_width = displacement.shape[:2]
        height, width = ids.shape
        if self._source_xy.shape[:2] != ids.shape:
            self._source_xy = np.empty((height, width, 2), np.float32)
        scaled = cv2.multiply(displacement, (width / small_width, height / small_height, 0, 0))
        cv2.resize(scaled, (width, height), dst=self._source_xy, interpolation=cv2.INTER_LINEAR)
        cv2.add(self._source_xy, grid(height, width), dst=self._source_xy)
        moved = cv2.remap(ids, self._source_xy, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, np.uint8)


def _reduced(luma: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def brought(small: NDArray[np.uint8], displacement: Displacement) -> NDArray[np.uint8]:
    """What a small picture looks like from where it was displaced to."""
    source_xy = displacement + grid(*small.shape)
    there = cv2.remap(small, source_xy, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(there, np.uint8)


def composed(step: Displacement, before: Displacement) -> Displacement:
    """A step, and what comes behind it, as one displacement."""
    source_xy = step + grid(*step.shape[:2])
    carried = cv2.remap(before, source_xy, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(step + carried, np.float32)


def inverted(step: Displacement) -> Displacement:
    """The way back: where each pixel of the frame before lies in the frame that the step belongs to.

    Minus the step, at the place where that leads. A search in the other direction costs twenty times as much
    and is worth 0.1 points of mIoU; a second round is worth nothing.
    """
    source_xy = grid(*step.shape[:2]) - step
    there = cv2.remap(step, source_xy, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(-there, np.float32)


def coarser(displacement: Displacement) -> Displacement:
    """The same on half as many pixels a side, in such pixels."""
    return np.asarray(displacement[::2, ::2] * np.float32(0.5), np.float32)


@lru_cache(maxsize=8)
def grid(height: int, width: int) -> NDArray[np.float32]:
    """Each pixel's own place, float32, (height, width, 2), x then y. Read only."""
    y, x = np.mgrid[0:height, 0:width]
    places = np.stack([x, y], axis=-1).astype(np.float32)
    places.flags.writeable = False
    return places

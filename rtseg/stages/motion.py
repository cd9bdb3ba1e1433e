"""Labels moved along dense optical flow, from a frame that has them to a later one that has not."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from rtseg.picture import plane_view

if TYPE_CHECKING:
    import av
    from numpy.typing import NDArray

_SMALL_PIXELS = 12_288
"""About so many pixels the flow is computed on: 128×96 of a 4:3 picture. Time grows with them."""

# Found on CamVid's labelled 15 Hz run (docs/live.md): the finest scale matters most; denser patches or more
# steps cost as much again for half a point of mIoU.
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


@dataclass(frozen=True, slots=True)
class _Link:
    """How one frame follows from the one before it.

    Attributes:
        previous: index of the frame before; None for the first of a chain.
        flow: float32, (h, w, 2): where each pixel was in the frame before, relative, x then y, in small
            pixels. None where there is no telling: at the beginning, at a cut, at a change of size.
    """

    previous: int | None
    flow: NDArray[np.float32] | None


class Motion:
    """Remembers how the latest frames moved, and moves labels that way.

    Every frame is shown to `add`, in order; then `moved` brings labels from any of them to any later one, as
    long as nothing in between is a cut. Dense inverse search (Kroeger et al., 2016) gives each step; steps
    are composed to one displacement before labels are touched, so an edge is rounded to pixels only once.

    Owned by one thread.
    """

    def __init__(self, memory: int = 64) -> None:
        """Begin without frames.

        Args:
            memory: how many steps are remembered, of about 100 kB each; ValueError for less than one.
        """
        if memory < 1:
            raise ValueError(f"at least 1 step has to be remembered, not {memory}")
        self._memory = memory
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._search.setFinestScale(0)
        self._search.setPatchStride(_PATCH_STRIDE)
        self._search.setGradientDescentIterations(_DESCENT_STEPS)
        self._reformatter = VideoReformatter()
        self._links: OrderedDict[int, _Link] = OrderedDict()
        self._last: int | None = None
        self._last_size = (0, 0)
        self._last_small = np.empty((0, 0), np.uint8)
        self._composed: tuple[int, int, NDArray[np.float32]] | None = None
        self._source_xy = np.empty((0, 0, 2), np.float32)

    def add(self, index: int, picture: av.VideoFrame) -> None:
        """Compute and remember the step from the frame added before to this one.

        Args:
            index: the frame's number, above all before it; there may be gaps. One that is not above begins
                a new chain, as does a picture of another size.
            picture: of any size and format; it is only read, and not kept.
        """
        size = (picture.width, picture.height)
        small = self._small_from(picture)
        if self._last is None or index <= self._last or size != self._last_size:
            self._links.clear()
            self._composed = None
            link = _Link(None, None)
        else:
            link = _Link(self._last, self._flow(small))
        self._links[index] = link
        if len(self._links) > self._memory:
            self._links.popitem(last=False)
        self._last, self._last_size, self._last_small = index, size, small

    def moved(self, ids: NDArray[np.uint8], from_index: int, to_index: int) -> NDArray[np.uint8] | None:
        """Move the labels of one frame to where they lie in another.

        Args:
            ids: class ids of frame `from_index`, uint8, (H, W), at any size; they are only read.
            from_index: the frame that they belong to.
            to_index: a frame that was added later.

        Returns:
            Class ids, uint8, (H, W), the caller's own. What has come into the picture takes the nearest that
            was in it. None where it cannot be known: one of the frames was never added, too many have come
            since, or there is a cut between them.
        """
        displacement = self._displacement(from_index, to_index)
        if displacement is None:
            return None
        small_height, small_width = displacement.shape[:2]
        height, width = ids.shape
        if self._source_xy.shape[:2] != ids.shape:
            self._source_xy = np.empty((height, width, 2), np.float32)
        scaled = displacement * np.array([width / small_width, height / small_height], np.float32)
        cv2.resize(scaled, (width, height), dst=self._source_xy, interpolation=cv2.INTER_LINEAR)
        cv2.add(self._source_xy, _grid(height, width), dst=self._source_xy)
        moved = cv2.remap(ids, self._source_xy, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, np.uint8)

    def _displacement(self, from_index: int, to_index: int) -> NDArray[np.float32] | None:
        """Where each pixel of one frame was in the other, as in `_Link.flow`; None where it is not known."""
        known_to, displacement = None, None
        if self._composed is not None and self._composed[0] == from_index:
            _, known_to, displacement = self._composed
        flows: list[NDArray[np.float32]] = []
        index: int | None = to_index
        while index != from_index and (index is None or index != known_to):
            link = self._links.get(index) if index is not None else None
            if link is None or link.flow is None:
                return None
            flows.append(link.flow)
            index = link.previous
        if index == from_index:
            displacement = None
        for flow in reversed(flows):
            displacement = flow if displacement is None else _composed(flow, displacement)
        if displacement is not None:
            self._composed = (from_index, to_index, displacement)
        return displacement

    def _flow(self, small: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """The step from the last picture to this one; None at a cut, and where there is hardly a picture."""
        if min(small.shape) < _LEAST_SIDE:
            return None
        flow: NDArray[np.float32] = self._search.calc(small, self._last_small, None)
        source_xy = flow + _grid(*small.shape)
        explained = cv2.remap(
            self._last_small, source_xy, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        # Deviations, not differences: a camera that adapts to the light makes no cut.
        _, unexplained = cv2.meanStdDev(cv2.subtract(small, explained, dtype=cv2.CV_16S))
        _, contrast = cv2.meanStdDev(small)
        is_cut = unexplained.item() > _UNEXPLAINED * max(contrast.item(), _LEAST_CONTRAST)
        return None if is_cut else flow

    def _small_from(self, picture: av.VideoFrame) -> NDArray[np.uint8]:
        """The luma, uint8, (h, w), of about `_SMALL_PIXELS` pixels and the picture's shape."""
        # Whole pixels are averaged: at other factors OpenCV takes seven times as long. Less than one small
        # pixel is left out at the right and at the bottom.
        factor = max(1, round(math.sqrt(picture.width * picture.height / _SMALL_PIXELS)))
        width, height = (max(1, side // factor) for side in (picture.width, picture.height))
        if picture.format.name not in _LUMA_FIRST:
            grey = self._reformatter.reformat(
                picture, width, height, "gray", interpolation=Interpolation.AREA, threads=1
            )
            return np.array(plane_view(grey, 0))
        luma = plane_view(picture, 0)[: height * factor, : width * factor]
        small = cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)


def _composed(step: NDArray[np.float32], before: NDArray[np.float32]) -> NDArray[np.float32]:
    """A step, and what came before it, as one displacement."""
    source_xy = step + _grid(*step.shape[:2])
    carried = cv2.remap(before, source_xy, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(step + carried, np.float32)


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> NDArray[np.float32]:
    """Each pixel's own place, float32, (height, width, 2), x then y. Read only."""
    y, x = np.mgrid[0:height, 0:width]
    grid = np.stack([x, y], axis=-1).astype(np.float32)
    grid.flags.writeable = False
    return grid

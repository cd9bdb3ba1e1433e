"""Turning pictures the way their display matrix says (phones film sideways and note it there)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type

from rtseg.picture import copy_tags, plane_view

if TYPE_CHECKING:
    from av.sidedata.sidedata import SideDataContainer
    from numpy.typing import NDArray

_PLANAR = {"yuv420p", "yuvj420p"}


@dataclass(frozen=True, slots=True)
class Orientation:
    """How stored pictures become upright ones: first transposed, then mirrored.

    Attributes:
        transposed: rows become columns.
        mirrored_x: left and right change places, after transposing.
        mirrored_y: top and bottom change places, after transposing.
    """

    transposed: bool
    mirrored_x: bool
    mirrored_y: bool

    def upright_from(self, picture: av.VideoFrame) -> av.VideoFrame:
        """Make the picture as it is meant to be seen: 8-bit 4:2:0, or planar RGB; times and tags kept."""
        planar = picture
        if picture.format.name not in _PLANAR:
            planar = picture.reformat(format="gbrp" if picture.format.is_rgb else "yuv420p", threads=1)
        height, width = planar.height, planar.width
        size = (height, width) if self.transposed else (width, height)
        upright = av.VideoFrame(*size, planar.format.name)
        for index in range(3):
            self._turn(plane_view(planar, index), plane_view(upright, index))
        copy_tags(picture, upright)
        return upright

    def _turn(self, stored: NDArray[np.uint8], upright: NDArray[np.uint8]) -> None:
        turned = cv2.transpose(stored) if self.transposed else stored
        mirrored_code = {(True, False): 1, (False, True): 0, (True, True): -1}
        code = mirrored_code.get((self.mirrored_x, self.mirrored_y))
        if code is None:
            np.copyto(upright, turned)
        else:
            cv2.flip(turned, code, dst=upright)


def _display_matrix(picture: av.VideoFrame) -> bytes | None:
    """Read it from a tiny copy.

    PyAV's picture and its side data refer to each other from then on. A picture of the film would so stay
    until Python's collector passes, which is seldom, and keep its decoder's whole pool of pictures.
    """
    tiny = picture.reformat(2, 2, "gray", threads=1)
    # PyAV's stub calls it a dictionary of known strings; it is a SideDataContainer.
    side_data = cast("SideDataContainer", tiny.side_data)
    try:
        return bytes(side_data[Type.DISPLAYMATRIX])
    except KeyError:
        return None


def orientation_of(picture: av.VideoFrame) -> Orientation | None:
    """Read what the picture's display matrix asks for; None where it is upright as it is.

    Not for every picture of a film: it takes a copy of it.

    The matrix's first entries a, b, u, c, d say where a step to the right, (a, b), and a step down, (c, d),
    lead in the shown picture (ISO/IEC 14496-12, 8.2.2). Other angles are taken as the nearest right one.
    """
    matrix = _display_matrix(picture)
    if matrix is None:
        return None
    a, b, _, c, d = struct.unpack("=5i", matrix[:20])
    transposed = abs(b) > abs(a)
    mirrored_x, mirrored_y = (c < 0, b < 0) if transposed else (a < 0, d < 0)
    if not (transposed or mirrored_x or mirrored_y):
        return None
    return Orientation(transposed, mirrored_x, mirrored_y)

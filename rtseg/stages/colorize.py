"""Labels blended over the picture."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import av
from av.video.reformatter import ColorRange, VideoReformatter

from rtseg.classes import ClassSet
from rtseg.errors import InputError
from rtseg.frame import Labelled, Painted
from rtseg.picture import copy_tags, plane_view
from rtseg.stages.colours import matrix_of, range_of
from rtseg.stages.enlarge import Rounder
from rtseg.stages.legend import Legend
from rtseg.stages.tint import PlanePainter, Tint

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

VIEWS = ("overlay", "mask")
"""What can be shown: the picture with colours over it, or the colours alone."""

_PLANAR_420 = {"yuv420p", "yuvj420p"}


class Colorize:
    """Paints labels over pictures, straight on the Y, U and V planes that decoders give and encoders want.

    Each painted picture has memory of its own, so sinks may keep it; everything in between is reused.
    """

    name = "colorize"

    def __init__(
        self,
        classes: ClassSet,
        *,
        opacity: float = 0.5,
        only: frozenset[str] | None = None,
        view: str = "overlay",
        legend: bool = False,
    ) -> None:
        """Choose what is painted.

        Args:
            classes: the classes that ids stand for.
            opacity: of the colours, 0…1; a mask is always opaque.
            only: names of the classes to paint; None for all. In a mask, the others are black.
            view: one of `VIEWS`.
            legend: whether class names and colours are burnt into a corner.

        Raises:
            InputError: the opacity is out of range, or a class or the view does not exist.
        """
        _check(classes, opacity, only, view)
        painted = frozenset(classes.names) if only is None else only
        self._tint = _mask_tint(classes, painted) if view == "mask" else Tint(classes, opacity, painted)
        self._tables = lru_cache(maxsize=8)(self._tint.tables)
        self._painter = PlanePainter(self._tint)
        self._rounder = Rounder()
        self._reformatter = VideoReformatter()
        self._legend = Legend(classes, painted) if legend else None

    def __enter__(self) -> Self:
        """Do nothing; there is nothing to open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Do nothing; there is nothing to close."""

    def process(self, labelled: Labelled) -> Painted:
        """Paint; the decoded picture is only read. What is returned owns its pixels."""
        frame, label_map = labelled.frame, labelled.label_map
        picture = self._planar_from(frame.picture)
        painted = av.VideoFrame(picture.width, picture.height, "yuv420p")
        copy_tags(picture, painted)
        painted.pts, painted.time_base, painted.duration = frame.pts, frame.time_base, frame.picture.duration
        ids = self._rounder.round(label_map.ids)
        matrix, colour_range = matrix_of(picture), range_of(picture)
        for index, table in enumerate(self._tables(matrix, colour_range)):
            self._painter.paint(plane_view(picture, index), ids, table, plane_view(painted, index))
        if self._legend is not None:
            self._legend.paint(painted, matrix, colour_range)
        return Painted(frame, label_map, painted)

    def _planar_from(self, picture: av.VideoFrame) -> av.VideoFrame:
        """Bring any format to 8-bit 4:2:0, with matrix and range as they were; RGB becomes limited range."""
        if picture.format.name in _PLANAR_420:
            return picture
        if picture.format.is_rgb:
            return self._reformatter.reformat(
                picture,
                format="yuv420p",
                dst_colorspace=matrix_of(picture).swscale,
                dst_color_range=ColorRange.MPEG,
                threads=1,
            )
        colour_range = range_of(picture)
        planar = self._reformatter.reformat(
            picture, format="yuv420p", src_color_range=colour_range, dst_color_range=colour_range, threads=1
        )
        copy_tags(picture, planar)  # swscale has one name for matrices that have two
        return planar


def _mask_tint(classes: ClassSet, painted: frozenset[str]) -> Tint:
    palette = tuple(
        colour if name in painted else (0, 0, 0)
        for name, colour in zip(classes.names, classes.palette_rgb, strict=True)
    )
    return Tint(ClassSet(classes.names, palette), 1.0, frozenset(classes.names))


def _check(classes: ClassSet, opacity: float, only: frozenset[str] | None, view: str) -> None:
    if view not in VIEWS:
        raise InputError(f"there is no view called {view}. The views are: {', '.join(VIEWS)}.")
    if not 0 <= opacity <= 1:
        raise InputError(f"opacity {opacity:g} is out of range. Give a number from 0 to 1.")
    unknown = sorted((only or frozenset()) - set(classes.names))
    if unknown:
        raise InputError(
            f"no class is called {', '.join(unknown)}. The classes are: {', '.join(classes.names)}."
        )

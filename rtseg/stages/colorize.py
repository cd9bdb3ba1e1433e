"""Labels blended over the picture."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import av
from av.video.reformatter import ColorRange, VideoReformatter

from rtseg.classes import ClassSet
from rtseg.frame import Labelled, Painted
from rtseg.picture import copy_tags, plane_view
from rtseg.stages.colours import matrix_of, range_of
from rtseg.stages.legend import Legend
from rtseg.stages.look import SIDE_BY_SIDE, Look, size_shown
from rtseg.stages.mark import StaleMark
from rtseg.stages.painter import CpuPainter
from rtseg.stages.tint import Tint

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from rtseg.stages.painter import Painter

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
        mark_stale: bool = False,
        painter: Painter | None = None,
    ) -> None:
        """Choose what is painted; `look` changes it later.

        Args:
            classes: the classes that ids stand for.
            opacity: as all that follow, see `Look`.
            only: names of the classes to paint.
            view: one of `VIEWS`.
            legend: whether there is a legend.
            mark_stale: whether old labels are marked.
            painter: who lays the colours over the planes; None for the CPU. It is opened and closed with the
                stage; what is drawn on top is the CPU's in any case.

        Raises:
            InputError: the opacity is out of range, or a class or the view does not exist.
        """
        self._classes = classes
        self._painter = painter or CpuPainter()
        self._reformatter = VideoReformatter()
        self.look = Look(opacity, only, view, legend, mark_stale)
        self._brush = _Brush(classes, self._look)

    @property
    def look(self) -> Look:
        """How pictures are painted, from the next one on. To be set from any thread, at any time.

        Setting it raises InputError where there is no such look.
        """
        return self._look

    @look.setter
    def look(self, look: Look) -> None:
        look.check(self._classes)
        self._look = look

    def __enter__(self) -> Self:
        """Open the painter."""
        self._painter.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self._painter.__exit__(kind, error, traceback)

    def process(self, labelled: Labelled) -> Painted:
        """Paint; the decoded picture is only read. What is returned owns its pixels."""
        frame, label_map = labelled.frame, labelled.label_map
        brush = self._newest_brush()
        picture = self._planar_from(frame.picture)
        painted = av.VideoFrame(picture.width, picture.height, "yuv420p")
        copy_tags(picture, painted)
        painted.pts, painted.time_base, painted.duration = frame.pts, frame.time_base, frame.picture.duration
        matrix, colour_range = matrix_of(picture), range_of(picture)
        self._painter.paint(picture, label_map.ids, brush.coat(matrix, colour_range), painted)
        if brush.legend is not None:
            brush.legend.paint(painted, matrix, colour_range)
        if brush.mark is not None:
            brush.mark.paint(painted, label_map.fate, matrix, colour_range)
        if brush.look.view == SIDE_BY_SIDE:
            painted = _side_by_side(picture, painted)
        return Painted(frame, label_map, painted)

    def _newest_brush(self) -> _Brush:
        look = self._look  # read once: another thread may set it at any time
        if self._brush.look is not look:
            self._brush = _Brush(self._classes, look)
        return self._brush

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


class _Brush:
    """Everything that follows from one look. Used by one thread."""

    def __init__(self, classes: ClassSet, look: Look) -> None:
        self.look = look
        painted = look.painted(classes)
        tint = _mask_tint(classes, painted) if look.view == "mask" else Tint(classes, look.opacity, painted)
        self.coat = lru_cache(maxsize=8)(tint.coat)
        self.legend = Legend(classes, painted) if look.legend else None
        self.mark = StaleMark() if look.mark_stale else None


def _side_by_side(left: av.VideoFrame, right: av.VideoFrame) -> av.VideoFrame:
    """Lay two yuv420p pictures of one size beside each other; one of odd width gets its last column twice."""
    width, height = size_shown(SIDE_BY_SIDE, left.width, left.height)
    both = av.VideoFrame(width, height, "yuv420p")
    copy_tags(right, both)
    for index in range(3):
        plane = plane_view(both, index)
        middle = plane.shape[1] // 2
        for picture, half in ((left, plane[:, :middle]), (right, plane[:, middle:])):
            given = plane_view(picture, index)
            half[:, : given.shape[1]] = given
            half[:, given.shape[1] :] = given[:, -1:]
    return both


def _mask_tint(classes: ClassSet, painted: frozenset[str]) -> Tint:
    palette = tuple(
        colour if name in painted else (0, 0, 0)
        for name, colour in zip(classes.names, classes.palette_rgb, strict=True)
    )
    return Tint(ClassSet(classes.names, palette), 1.0, frozenset(classes.names))

"""Labels for every frame in its slot: its own, or older ones moved to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtseg.frame import Labelled, LabelMap
from rtseg.pipeline.stage import NotShown
from rtseg.stages.motion import Motion

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Self

    from rtseg.frame import Fate, Frame
    from rtseg.pipeline.schedule import Due

NO_LABELS = "no labels yet"
"""Why a frame is not shown before the first labels are there."""


class Propagate:
    """Gives each frame its own labels where they are there; else the youngest older ones, moved or held."""

    name = "propagate"

    def __init__(self) -> None:
        self._motion = Motion()
        self._ids: dict[int, NDArray[np.uint8]] = {}
        """Labels by the frame that they were made of: the youngest shown, and all after it."""

    def __enter__(self) -> Self:
        """Do nothing; there is nothing to open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Do nothing; there is nothing to close."""

    def process(self, due: Due) -> Labelled | NotShown:
        """Find labels for a frame; before there are any, say so."""
        frame = due.frame
        self._motion.add(frame.index, frame.picture)
        self._ids.update((made.frame.index, made.label_map.ids) for made in due.labelled)
        base = max((index for index in self._ids if index <= frame.index), default=None)
        if base is None:
            return NotShown(NO_LABELS)
        self._ids = {index: ids for index, ids in self._ids.items() if index >= base}
        ids, fate = self._brought_to(frame, base)
        return Labelled(frame, LabelMap(ids, fate))

    def _brought_to(self, frame: Frame, base: int) -> tuple[NDArray[np.uint8], Fate]:
        if base == frame.index:
            return self._ids[base], "fresh"
        moved = self._motion.moved(self._ids[base], base, frame.index)
        return (self._ids[base], "held") if moved is None else (moved, "propagated")

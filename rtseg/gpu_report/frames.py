"""The frames that are looked at: of the synthetic drive, and of a source of the user's."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtseg.sources import is_live, open_source
from rtseg.stages.preprocess import Preprocess

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DRIVE = "synth://640x480@2?seconds={seconds}&seed=7"
_OF_THE_DRIVE = 20
_OF_A_SOURCE = 40
_STEP_OF_UNKNOWN = 10
"""Between two frames of a source that does not say how many it has."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A frame at the model's size.

    Attributes:
        origin: "drive" or "source".
        index: its number there, from 0.
        image_rgb: uint8, (H, W, 3), RGB.
    """

    origin: str
    index: int
    image_rgb: NDArray[np.uint8]


def samples_of_the_drive(input_hw: tuple[int, int]) -> list[Sample]:
    """Frames spread over a synthetic drive, at the model's size."""
    return _spread(_DRIVE.format(seconds=_OF_THE_DRIVE // 2), "drive", input_hw, _OF_THE_DRIVE)


def samples_of_the_source(input_hw: tuple[int, int], source: str) -> list[Sample]:
    """Frames spread over a source of the user's, at the model's size.

    Raises:
        InputError, SourceFault: the source cannot be read.
    """
    return _spread(source, "source", input_hw, _OF_A_SOURCE)


def _spread(uri: str, origin: str, input_hw: tuple[int, int], most: int) -> list[Sample]:
    preprocess, found = Preprocess(input_hw), []
    with open_source(uri, realtime=False) as source:
        count = source.frame_count
        step = max(1, count // most) if count and not is_live(uri) else _STEP_OF_UNKNOWN
        frames = iter(source)
        try:
            for index, frame in enumerate(frames):
                if index % step == 0:
                    found.append(Sample(origin, index, preprocess.process(frame).image_rgb.copy()))
                if len(found) == most:
                    break
        finally:
            if isinstance(frames, Generator):
                frames.close()  # before its source is
    return found

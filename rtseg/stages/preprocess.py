"""From the decoded picture to the model's input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from rtseg.frame import Frame, Prepared
from rtseg.picture import plane_view
from rtseg.stages.colours import matrix_of, range_of

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self


class Preprocess:
    """Makes the model's input in one pass, straight from the decoded format.

    The picture is stretched to the input, whatever its shape.
    """

    name = "preprocess"

    def __init__(self, input_hw: tuple[int, int]) -> None:
        self._height, self._width = input_hw
        # Kept from frame to frame: a picture's own `reformat` would set swscale up again each time.
        self._reformatter = VideoReformatter()

    def __enter__(self) -> Self:
        """Do nothing; there is nothing to open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Do nothing; there is nothing to close."""

    def process(self, frame: Frame) -> Prepared:
        """Make the model's input; the picture itself is not touched."""
        picture = frame.picture
        scaled = self._reformatter.reformat(
            picture,
            self._width,
            self._height,
            "gbrp",  # swscale's exact way to RGB, and its fastest; rgb24 is made by older code
            src_colorspace=None if picture.format.is_rgb else matrix_of(picture).swscale,
            src_color_range=ColorRange.JPEG if picture.format.is_rgb else range_of(picture),
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.AREA,
            # swscale's own threads would fight the other stages for cores, and make wrong pixels where slices
            # of 10-bit pictures meet (FFmpeg 8.1).
            threads=1,
        )
        green, blue, red = (plane_view(scaled, index) for index in range(3))
        return Prepared(frame, cv2.merge((red, green, blue)))

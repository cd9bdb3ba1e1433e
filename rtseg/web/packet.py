"""What a viewer gets of a picture: one binary message.

    uint32, little endian    length of the header, bytes
    header                   JSON, UTF-8: see `header_of`; `jpeg` and `labels` are lengths in bytes
    JPEG                     the picture as it was captured, at most `MOST_WIDE` pixels wide; nothing for a
                             viewer that has it by WebRTC
    labels                   class ids at the model's size, row by row, zlib (RFC 1950)

The colours are laid over by the page, so how it looks needs no word with the server.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
from av.video.reformatter import VideoReformatter

from rtseg.pipeline.clock import ms_from_ns
from rtseg.sinks.images import bgr_from_picture

if TYPE_CHECKING:
    import av
    import numpy as np
    from numpy.typing import NDArray

    from rtseg.frame import Painted

MOST_WIDE = 1280
"""Pixels across, at most; a larger picture is made smaller."""

QUALITY = 80
"""Of JPEG, up to 100."""

FAST = 3
"""Level of zlib: levels above take more than twice as long for a tenth less."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture that was shown.

    Attributes:
        number: 1 for the run's first, then counting up.
        painted: the picture.
        shown_ns: when the sinks got it, monotonic clock.
    """

    number: int
    painted: Painted
    shown_ns: int

    @property
    def seconds(self) -> float:
        """Its place in the film, or since the stream began."""
        frame = self.painted.frame
        return float(frame.pts * frame.time_base)


def packet_from(shown: Shown, *, has_jpeg: bool = True) -> bytes:
    """The message for one picture; takes some milliseconds."""
    picture, ids = shown.painted.frame.picture, shown.painted.label_map.ids
    jpeg = jpeg_from(picture) if has_jpeg else b""
    labels = zlib.compress(ids.tobytes(), FAST)
    header = {**header_of(shown), "jpeg": len(jpeg), "labels": len(labels)}
    encoded = json.dumps(header, separators=(",", ":")).encode()
    return b"".join((struct.pack("<I", len(encoded)), encoded, jpeg, labels))


def header_of(shown: Shown) -> dict[str, Any]:
    """What is said of a picture, JSON-ready. Instants are of the server's monotonic clock."""
    frame, label_map = shown.painted.frame, shown.painted.label_map
    return {
        "number": shown.number,
        "index": frame.index,
        "seconds": round(shown.seconds, 4),
        "captured_ms": round(ms_from_ns(frame.captured_ns), 3),
        "shown_ms": round(ms_from_ns(shown.shown_ns), 3),
        "size": [frame.picture.width, frame.picture.height],
        "label_size": [label_map.ids.shape[1], label_map.ids.shape[0]],
        "fate": label_map.fate,
        "stages": {
            stage: [
                round(ms_from_ns(begun - frame.captured_ns), 2),
                round(ms_from_ns(frame.busy_ns[stage]), 2),
            ]
            for stage, begun in frame.begun_ns.items()
            if stage in frame.busy_ns
        },
    }


def jpeg_from(picture: av.VideoFrame) -> bytes:
    """A picture as JPEG, made smaller if it is wider than `MOST_WIDE`."""
    width, height = picture.width, picture.height
    if width > MOST_WIDE:
        width, height = MOST_WIDE, max(round(height * MOST_WIDE / width), 1)
    image = bgr_from_picture(picture, VideoReformatter(), (width, height))
    return encoded(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def labels_png(shown: Shown) -> bytes:
    """Class ids as an 8-bit grey PNG, at the model's size."""
    return encoded(".png", shown.painted.label_map.ids, [cv2.IMWRITE_PNG_COMPRESSION, FAST])


def encoded(ending: str, image: NDArray[np.uint8], parameters: list[int]) -> bytes:
    """An image in a format of OpenCV's, which cannot fail for images of such sizes."""
    _, data = cv2.imencode(ending, image, parameters)
    return data.tobytes()

"""Where in a video file a frame is, for those files where that can be told without decoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.container import InputContainer
    from av.video.stream import VideoStream

_FORMATS = {"mov", "mp4", "matroska", "webm"}
_CODECS = {"h264", "hevc", "av1", "vp9", "mpeg4", "mjpeg", "prores", "ffv1"}
"""Of these each packet is one frame, or two fields of one."""


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """The presentation times of all frames of a video stream, read from its packets.

    Attributes:
        pts: of each frame in order of showing, strictly rising, in the stream's units.
        key_pts: of those that decoding can begin with; a part of `pts`.
    """

    pts: Sequence[int]
    key_pts: Sequence[int]

    def key_before(self, index: int) -> int:
        """The time of the last key frame that is not after frame `index`."""
        return max(pts for pts in self.key_pts if pts <= self.pts[index])


def frame_index(path: str, stream_index: int) -> FrameIndex | None:
    """Read all packets of a stream, without decoding; None where they do not tell for sure which frames come.

    They do not in transport streams and raw ones, in damaged files, and where frames are cut away by an edit
    list, lack a time or share one.
    """
    try:
        with av.open(path) as container:
            stream = container.streams[stream_index]
            if not _FORMATS & set(container.format.name.split(",")) or _codec_of(stream) not in _CODECS:
                return None
            return _index_of(container, stream)
    except av.FFmpegError:
        return None


def _index_of(container: InputContainer, stream: VideoStream) -> FrameIndex | None:
    times, keys = [], []
    for packet in container.demux(stream):
        if not packet.size:
            continue
        if packet.pts is None or packet.is_corrupt or packet.is_discard:
            return None
        times.append(packet.pts)
        if packet.is_keyframe:
            keys.append(packet.pts)
    if not times or len(set(times)) < len(times) or min(times) not in keys:
        return None
    return FrameIndex(sorted(times), keys)


def _codec_of(stream: VideoStream) -> str | None:
    context = getattr(stream, "codec_context", None)
    return context.codec.canonical_name if context is not None else None

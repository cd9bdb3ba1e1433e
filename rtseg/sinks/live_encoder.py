"""Pictures encoded while they are live: each comes out at once, with a key frame every second."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter

from rtseg.picture import copy_tags, plane_view

if TYPE_CHECKING:
    from collections.abc import Mapping

    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

    from rtseg.frame import Frame
    from rtseg.sinks.encoder import Encoder
    from rtseg.sources.base import Source

TIME_BASE = Fraction(1, 90_000)
"""Seconds a unit, in everything that is written live."""

SECONDS_A_GROUP = 1
"""Between key frames, by the pictures' times: what a crash costs, and how long a viewer waits."""

TAGS = ("colorspace", "color_range", "color_primaries", "color_trc")

_NO_DELAY: dict[str, Mapping[str, str]] = {
    "libx264": {"tune": "zerolatency"},
    "libx265": {"tune": "zerolatency"},
    "h264_nvenc": {"tune": "ull", "delay": "0", "bf": "0"},
    "hevc_nvenc": {"tune": "ull", "delay": "0", "bf": "0"},
}
"""What makes an encoder give out each picture before it takes the next."""


def times_of(frame: Frame) -> int:
    """The frame's presentation time in units of `TIME_BASE`, rounded."""
    return round(frame.pts * frame.time_base / TIME_BASE)


class LiveEncoder:
    """Encodes pictures into a stream of a container that was just made. Used by one thread."""

    def __init__(
        self,
        container: OutputContainer,
        encoder: Encoder,
        source: Source,
        size: tuple[int, int],
        options: Mapping[str, str],
    ) -> None:
        """Add the stream; nothing is written before the first picture.

        Args:
            container: where the stream is added.
            encoder: what encodes.
            source: the entered source of the frames, for shape of the pixels and frame rate.
            size: width and height of what is encoded.
            options: of the encoder, over its own.
        """
        self._container = container
        self._encoder = encoder
        self._options = {**_NO_DELAY.get(encoder.name, {}), **options}
        self._reformatter = VideoReformatter()
        self._last_pts: int | None = None
        self._key_pts = 0
        stream: Any = container.add_stream(encoder.name, rate=source.fps, options=dict(encoder.options))
        self._stream: VideoStream = stream
        codec = self._stream.codec_context
        codec.width, codec.height = size
        codec.pix_fmt = encoder.pix_fmt
        if source.film is not None:
            codec.sample_aspect_ratio = source.film.sample_aspect_ratio
        codec.time_base = TIME_BASE
        codec.gop_size = max(1, round(source.fps * SECONDS_A_GROUP))
        codec.max_b_frames = 0
        # One is the least work; slices in several threads would be worse pictures for the same bits.
        codec.thread_count = 1
        self._nominal = max(1, round(1 / (source.fps * TIME_BASE)))

    @property
    def begun(self) -> bool:
        """Whether there was a picture."""
        return self._last_pts is not None

    def encode(self, picture: av.VideoFrame, pts: int) -> bool:
        """Write one picture; the first one's colour tags hold for all.

        Args:
            picture: of any size and format; another size than was said is stretched to that. Not changed.
            pts: when it is shown, in units of `TIME_BASE`; one that does not rise is taken for a unit later.

        Returns:
            Whether it was made a key frame on purpose: a second has passed since the last one.

        Raises:
            av.FFmpegError: it could not be written.
        """
        if self._last_pts is None:
            self._begin(picture)
            self._key_pts = pts
        else:
            pts = max(pts, self._last_pts + 1)
        is_key = self._last_pts is None or (pts - self._key_pts) * TIME_BASE >= SECONDS_A_GROUP
        self._last_pts = pts
        self._mux(self._stream.codec_context.encode(self._prepared(picture, pts, is_key)))
        if is_key:
            self._key_pts = pts
        return is_key

    def finish(self) -> None:
        """Write what is still in the encoder; av.FFmpegError if that fails."""
        if self.begun:
            self._mux(self._stream.codec_context.encode(None))

    def _begin(self, picture: av.VideoFrame) -> None:
        tags = {name: int(getattr(picture, name)) for name in TAGS}
        codec = self._stream.codec_context
        codec.options = _merged(self._encoder.options_for(tags), self._options)
        for name, value in tags.items():
            setattr(codec, name, value)
        self._container.start_encoding()

    def _prepared(self, picture: av.VideoFrame, pts: int, is_key: bool) -> av.VideoFrame:
        """A frame of the encoder's format and size, its pixels shared where they can be."""
        codec = self._stream.codec_context
        own = self._reformatter.reformat(picture, codec.width, codec.height, codec.pix_fmt, threads=1)
        if own is picture:
            # Others hold the picture too, and must not find another time or kind of frame on it.
            own = _copy(picture)
        own.pts, own.time_base = pts, TIME_BASE
        own.pict_type = PictureType.I if is_key else PictureType.NONE
        return own

    def _mux(self, packets: list[Packet[Any]]) -> None:
        for packet in packets:
            packet.stream = self._stream
            packet.duration = packet.duration or self._nominal
            self._container.mux(packet)


def _copy(picture: av.VideoFrame) -> av.VideoFrame:
    copy = av.VideoFrame(picture.width, picture.height, picture.format.name)
    copy_tags(picture, copy)
    for index in range(len(picture.planes)):
        plane_view(copy, index)[:] = plane_view(picture, index)
    return copy


def _merged(first: Mapping[str, str], over: Mapping[str, str]) -> dict[str, str]:
    """Options, the second over the first; x264-params of both are kept."""
    merged = {**first, **over}
    if "x264-params" in first and "x264-params" in over:
        merged["x264-params"] = f"{first['x264-params']}:{over['x264-params']}"
    return merged

"""Video encoders: which one a name stands for, and whether it works here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.video.reformatter import ColorRange

from rtseg.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Mapping

USUAL = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1", "ffv1": "ffv1"}
"""The encoder that a codec's name stands for; FFmpeg's own encoder names are taken too (h264_nvenc …)."""

_OPTIONS: dict[str, Mapping[str, str]] = {
    "libx264": {"preset": "ultrafast", "crf": "23"},
    "libx265": {"preset": "veryfast", "crf": "23", "x265-params": "log-level=error"},
    "libsvtav1": {"preset": "9", "crf": "32"},
    "ffv1": {"level": "3", "slicecrc": "1"},
}
"""About the same quality at about the same speed; `crf` counts differently in each."""

_WORST_CRF = {"libx264": 51, "libx265": 51, "libsvtav1": 63}


@dataclass(frozen=True, slots=True)
class Encoder:
    """How pictures are encoded.

    Attributes:
        name: FFmpeg's name of the encoder.
        codec: FFmpeg's name of what it writes.
        pix_fmt: what it takes.
        options: its own options.
    """

    name: str
    codec: str
    pix_fmt: str
    options: Mapping[str, str]

    def options_for(self, tags: Mapping[str, int]) -> dict[str, str]:
        """Its options, given the pictures' colour tags, FFmpeg's numbers."""
        options = dict(self.options)
        if self.name == "libx264" and tags.get("color_range") == ColorRange.MPEG:
            # Otherwise x264 leaves limited range out, unless there is another tag to write.
            options["x264-params"] = "videoformat=component"
        return options

    @property
    def reordered(self) -> int:
        """How many frames may come out before one that is shown earlier. Encoders do not tell.

        Two is what pyramids of B-frames need. With more, FFmpeg's MP4 muxer loses short offsets at the start.
        """
        return 2 if self.codec in ("h264", "hevc") else 0


def find_encoder(name: str, crf: float | None, width: int, height: int) -> Encoder:
    """Find the encoder that `name` stands for, and try it.

    Args:
        name: "h264", "hevc", "av1", "ffv1", or one of FFmpeg's own encoder names.
        crf: quality on the encoder's own scale, lower is better; None for the usual one.
        width: pixels a row.
        height: rows.

    Raises:
        OutputError: there is no such encoder in this FFmpeg, it does not work on this machine, or it cannot
            encode this size or quality.
    """
    encoder_name = USUAL.get(name, name)
    try:
        codec = av.Codec(encoder_name, "w")
    except ValueError as error:
        raise OutputError(f"{name}: no video encoder of this FFmpeg. It has: {_known()}.") from error
    if codec.type != "video":
        raise OutputError(f"{name}: encodes {codec.type}, not video. Choose one of: {_known()}.")
    options = dict(_OPTIONS.get(encoder_name, {}))
    if crf is not None:
        if "crf" not in options:
            raise OutputError(f"{name}: has no crf. Leave --crf out, or choose h264, hevc or av1.")
        worst = _WORST_CRF[encoder_name]
        if crf > worst:
            raise OutputError(f"{name}: crf goes from 0, the best, to {worst}; {crf:g} is beyond.")
        options["crf"] = f"{crf:g}"
    encoder = Encoder(encoder_name, codec.canonical_name, _pix_fmt_for(codec, width, height), options)
    if encoder_name == "libsvtav1":
        # It talks to standard error past FFmpeg's log, and listens to nothing else.
        os.environ.setdefault("SVT_LOG", "1")
    _try(encoder, name, width, height)
    return encoder


def _pix_fmt_for(codec: av.Codec, width: int, height: int) -> str:
    """4:2:0, or 4:4:4 for odd sizes where the encoder has it: its 4:2:0 may hold even sizes only."""
    formats = [video_format.name for video_format in codec.video_formats or ()]
    if (width % 2 or height % 2) and "yuv444p" in formats:
        return "yuv444p"
    return "yuv420p" if "yuv420p" in formats or not formats else formats[0]


def _try(encoder: Encoder, name: str, width: int, height: int) -> None:
    context = av.CodecContext.create(encoder.name, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, encoder.pix_fmt
    context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
    context.options = dict(encoder.options)
    try:
        context.open()
    except (av.FFmpegError, OSError) as error:
        raise OutputError(
            f"{name}: the encoder {encoder.name} does not work here, or not at {width}×{height} "
            f"({error.strerror}). Choose one of: {_known()}."
        ) from error


def _known() -> str:
    names = [name for name, encoder in USUAL.items() if encoder in av.codecs_available]
    return ", ".join([*names, "or an encoder by its FFmpeg name"])

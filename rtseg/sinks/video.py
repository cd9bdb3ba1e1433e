"""The overlay as a video file, with the sound of the film it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from av.video.reformatter import VideoReformatter

from rtseg.sinks.encoder import find_encoder
from rtseg.sinks.growing import GrowingVideo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtseg.frame import Painted
    from rtseg.sinks.kept import Kept
    from rtseg.sources.base import Source


class VideoSink(GrowingVideo):
    """Writes painted pictures into a video file, and copies the film's sound, subtitles and metadata."""

    def __init__(
        self,
        path: str | Path,
        source: Source,
        *,
        codec: str = "h264",
        crf: float | None = None,
        companions: bool = True,
        size: tuple[int, int] | None = None,
        kept: Sequence[Kept] = (),
    ) -> None:
        """Choose file and encoder; nothing is written yet.

        Args:
            path: the file; its ending decides on the format.
            source: the entered source of the frames.
            codec: see `find_encoder`.
            crf: quality on the encoder's own scale, lower is better; None for the usual one.
            companions: whether the film's sound, subtitles and metadata are copied.
            size: width and height of the pictures; None for those of the source.
            kept: see `GrowingVideo`.

        Raises:
            OutputError: there is no such encoder here, or the file cannot hold what it writes.
        """
        size = size or (source.width, source.height)
        encoder = find_encoder(codec, crf, *size)
        super().__init__(Path(path), source, encoder, with_companions=companions, size=size, kept=kept)
        self._pix_fmt = encoder.pix_fmt
        self._reformatter = VideoReformatter()
        if encoder.pix_fmt == "yuv444p":
            # 4:2:0 has even sizes only; cropping or padding would change the picture's size.
            self.warnings.append(
                f"{path}: {size[0]}x{size[1]} is odd, and {encoder.codec} holds odd sizes "
                "only as 4:4:4; some players cannot show that"
            )

    def write(self, painted: Painted) -> None:
        """Encode one picture; SinkFault if the disk is full, or gone."""
        picture = painted.picture
        if picture.format.name != self._pix_fmt:
            picture = self._reformatter.reformat(picture, format=self._pix_fmt, threads=1)
        self.encode(picture)

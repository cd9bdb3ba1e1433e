"""What a peer keeps of a film: frames, timestamps, sound; seen in what it writes of a difficult one."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

FRAMES = 60
SIZE = (320, 180)
_GAP_AT = 30
"""Behind this frame half a second is missing, as in films from phones and dashcams that fall behind."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is in a film.

    Attributes:
        frames: how many.
        has_sound: whether it has a sound track.
        at_s: each frame's time from the first one's, seconds.
        codec: of the pictures.
    """

    frames: int
    has_sound: bool
    at_s: list[float]
    codec: str

    def kept_by(self, other: Facts) -> dict[str, bool]:
        """What is in `other`, too: all frames, their times within 20 ms, the sound."""
        times = len(self.at_s) == len(other.at_s) and np.allclose(self.at_s, other.at_s, atol=0.02)
        return {
            "frames": self.frames == other.frames,
            "times": bool(times),
            "sound": other.has_sound or not self.has_sound,
        }


def write_difficult(path: Path) -> None:
    """A film with sound whose frames are not evenly spaced."""
    with av.open(str(path), "w") as film:
        video = film.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        audio = film.add_stream("aac", rate=48_000, layout="mono")
        for index in range(FRAMES):
            level = np.full((SIZE[1] * 3 // 2, SIZE[0]), 40 + 3 * index, np.uint8)
            picture = av.VideoFrame.from_ndarray(level, format="yuv420p")
            picture.pts = index * 40 + (500 if index > _GAP_AT else 0)
            picture.time_base = Fraction(1, 1000)
            film.mux(video.encode(picture))
        film.mux(video.encode(None))
        tone = np.sin(np.arange(1024) * 0.06).astype(np.float32)[None]
        for index in range(FRAMES * 48_000 // 25 // 1024):
            sound = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = 48_000, index * 1024, Fraction(1, 48_000)
            film.mux(audio.encode(sound))
        film.mux(audio.encode(None))


def facts_of(path: Path) -> Facts:
    """Read a film's facts."""
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        pts = [picture.pts for picture in film.decode(stream) if picture.pts is not None]
        base = stream.time_base or Fraction(1, 1000)
        at_s = [float((value - pts[0]) * base) for value in pts]
        return Facts(len(pts), bool(film.streams.audio), at_s, stream.codec_context.name)

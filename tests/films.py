"""Films made for a test: a small picture, sound, subtitles, tags and chapters."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

RATE = 48_000


def make_film(
    path: Path,
    *,
    frames: int = 30,
    size: tuple[int, int] = (64, 48),
    begin_s: Fraction = Fraction(0),
    sound_begin_s: Fraction = Fraction(0),
    sample_aspect_ratio: Fraction = Fraction(1),
    sound: str | None = "aac",
    tags: dict[str, str] | None = None,
) -> Path:
    """Write `frames` pictures at 10 a second and as much sound, beginning at the times given."""
    with av.open(str(path), "w", options={"muxdelay": "0", "avoid_negative_ts": "disabled"}) as film:
        film.metadata.update(tags or {})
        video = film.add_stream("libx264", rate=10, options={"crf": "30", "bf": "2"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        video.codec_context.sample_aspect_ratio = sample_aspect_ratio
        audio = film.add_stream(sound, rate=RATE, layout="mono") if sound else None
        for index in range(frames):
            level = np.full((size[1] * 3 // 2, size[0]), 16 + 5 * (index % 40), np.uint8)
            picture = av.VideoFrame.from_ndarray(level, format="yuv420p")
            picture.pts, picture.time_base = round((begin_s + Fraction(index, 10)) * 1000), Fraction(1, 1000)
            film.mux(video.encode(picture))
        film.mux(video.encode(None))
        if audio is not None:
            samples = RATE * frames // 10
            tone = (3000 * np.sin(np.arange(samples) * 2 * np.pi * 440 / RATE)).astype(np.int16)
            for start in range(0, samples, 1024):
                block = av.AudioFrame.from_ndarray(
                    tone[None, start : start + 1024], format="s16", layout="mono"
                )
                block.sample_rate = RATE
                block.pts, block.time_base = round(sound_begin_s * RATE) + start, Fraction(1, RATE)
                film.mux(audio.encode(block))
            film.mux(audio.encode(None))
    return path


def packets_of(path: Path, kind: str) -> list[list[tuple[Fraction, bytes]]]:
    """Presentation time and bytes of all packets, for each stream of the kind."""
    with av.open(str(path)) as film:
        indices = [stream.index for stream in film.streams if stream.type == kind]
    found = []
    for index in indices:
        with av.open(str(path)) as film:
            packets = [packet for packet in film.demux(film.streams[index]) if packet.size]
            found.append([(packet.pts * packet.time_base, bytes(packet)) for packet in packets])
    return found


def times_of(path: Path) -> list[Fraction]:
    """Presentation times of the pictures."""
    with av.open(str(path)) as film:
        return [picture.pts * picture.time_base for picture in film.decode(video=0)]

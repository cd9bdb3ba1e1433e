"""The source as films in a folder of their own: long enough, at other frame rates, in other sizes."""

from __future__ import annotations

from contextlib import closing
from fractions import Fraction
from typing import TYPE_CHECKING

import av

from rtseg.errors import RtsegError, SourceError
from rtseg.sources import open_source
from rtseg.sources.drive_files import write_drive
from rtseg.sources.synthetic import SyntheticDrive

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from rtseg.frame import Frame
    from rtseg.sources.base import Source

LEAST_FRAMES = 300
"""Of a film that is timed: what is under way when the first frame is done is then a few per cent."""


class Films:
    """What the source becomes. Nothing but the synthetic drive and other sizes is encoded anew.

    A drive is rendered once, as rendering is slower than what is to be measured. A film that is too short is
    repeated, its packets as they are; so is one that is played at another rate, where their times change.

    Attributes:
        notes: what was done to the source, a line each.
    """

    def __init__(self, source: str, folder: Path, check_stopped: Callable[[], None]) -> None:
        """Name the source.

        Args:
            source: a film or a drive.
            folder: an empty one, where films may be written.
            check_stopped: called now and then; raises Interrupted to end it.
        """
        self.notes: list[str] = []
        self._folder = folder
        self._check_stopped = check_stopped
        self._source = source
        self._made: dict[str, str] = {}

    def original(self) -> str:
        """The film itself: the source, or the drive once it is rendered.

        Raises:
            SourceError: it is no drive.
            SinkFault: it cannot be written.
            Interrupted: `check_stopped` did.
        """
        if not self._source.startswith("synth://"):
            return self._source
        return self._once("drive.mp4", self._render)

    def long(self) -> str:
        """The film with `LEAST_FRAMES` at least; raises what `original` does."""
        film = self.original()
        with open_source(film) as source:
            frames = source.frame_count
        if frames is None or frames >= LEAST_FRAMES:
            return film
        return self._once("long.mp4", lambda path: self._repeat(film, path, None), or_else=film)

    def at(self, fps: int) -> str:
        """The film at another frame rate, `LEAST_FRAMES` long; raises what `original` does."""
        film = self.original()
        return self._once(f"at-{fps}.mp4", lambda path: self._repeat(film, path, fps), or_else=film)

    def sized(self, width: int, height: int) -> str:
        """The film in another size, encoded anew as H.264, 4:2:0, `LEAST_FRAMES` long; see `original`."""
        film = self.original()
        return self._once(f"{width}x{height}.mp4", lambda path: self._resize(film, path, width, height))

    def _once(self, name: str, make: Callable[[Path], None], or_else: str | None = None) -> str:
        path = self._folder / name
        if name not in self._made:
            try:
                make(path)
                self._made[name] = str(path)
            except RtsegError:
                raise
            except (av.FFmpegError, ValueError) as error:  # PyAV knows no codec of that name
                if or_else is None:
                    raise SourceError(f"{self._source}: cannot be made into a film: {error}.") from error
                self.notes.append(f"{name}: the packets cannot be copied ({error}); taken as it is")
                self._made[name] = or_else
        return self._made[name]

    def _render(self, path: Path) -> None:
        self.notes.append("the drive was rendered once, and is played from a film")
        write_drive(SyntheticDrive.from_uri(self._source), path, None, lambda _: self._check_stopped())

    def _repeat(self, film: str, path: Path, fps: int | None) -> None:
        repeat_packets(film, path, fps=fps, frames=LEAST_FRAMES, check_stopped=self._check_stopped)
        rate = "" if fps is None else f" with times for {fps} a second"
        self.notes.append(f"{path.name}: {LEAST_FRAMES} frames, the packets of the source{rate}")

    def _resize(self, film: str, path: Path, width: int, height: int) -> None:
        with open_source(film) as source:
            fps = source.fps
        with av.open(str(path), "w") as out:
            video = out.add_stream("libx264", rate=fps, options={"preset": "veryfast", "crf": "20"})
            video.width, video.height, video.pix_fmt = width, height, "yuv420p"
            written = 0
            while written < LEAST_FRAMES:
                before = written
                with open_source(film) as source, closing(_generator(source)) as frames:
                    for frame in frames:
                        self._check_stopped()
                        picture = frame.picture.reformat(width, height, "yuv420p", threads=1)
                        picture.pts, picture.time_base = written, 1 / Fraction(fps)
                        out.mux(video.encode(picture))
                        written += 1
                        if written == LEAST_FRAMES:
                            break
                if written == before:
                    raise SourceError(f"{self._source}: there is not a single frame in it.")
            out.mux(video.encode(None))


def repeat_packets(
    film: str, path: Path, *, fps: int | None, frames: int, check_stopped: Callable[[], None]
) -> None:
    """Write a film's first packets, again and again, with times of even steps; nothing is decoded.

    Args:
        film: a film.
        path: an .mp4 file.
        fps: of what is written; None for the film's own.
        frames: how many are written.
        check_stopped: called now and then.

    Raises:
        av.FFmpegError: it cannot be read, or not be written so.
    """
    with av.open(film) as clip, av.open(str(path), "w") as out:
        stream = clip.streams.best("video")
        if stream is None:
            raise SourceError(f"{film}: there is no picture in it.")
        rate = Fraction(fps) if fps else Fraction(stream.average_rate or 30)
        copied = out.add_stream_from_template(stream, opaque=True)
        copied.time_base = 1 / rate
        packets = []
        for packet in clip.demux(stream):
            check_stopped()
            if packet.size and packet.pts is not None:
                packets.append(packet)
            if len(packets) == frames:
                break
        if not packets:
            raise SourceError(f"{film}: there is not a single frame in it.")
        read = [(divmod(number, len(packets))) for number in range(frames)]
        by_time = sorted(range(frames), key=lambda number: (read[number][0], packets[read[number][1]].pts))
        ranks = {number: rank for rank, number in enumerate(by_time)}
        delay = max(number - rank for number, rank in ranks.items())
        contents = [(bytes(packet), packet.is_keyframe) for packet in packets]
        for number, (_, place) in enumerate(read):
            content, is_keyframe = contents[place]
            packet = av.Packet(content)
            packet.stream, packet.is_keyframe = copied, is_keyframe
            packet.time_base = 1 / rate
            packet.pts, packet.dts, packet.duration = ranks[number], number - delay, 1
            out.mux(packet)


def _generator(source: Source) -> Generator[Frame]:
    yield from source

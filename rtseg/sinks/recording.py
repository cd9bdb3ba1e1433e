"""A recording of a live run: files that play at any moment while they grow."""

from __future__ import annotations

import os
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av

from rtseg.errors import OutputError, SinkFault
from rtseg.sinks.encoder import find_encoder
from rtseg.sinks.fragments import drop_torn_fragment
from rtseg.sinks.live_encoder import TIME_BASE, LiveEncoder, times_of
from rtseg.sinks.output import CONTAINERS, check_holds

if TYPE_CHECKING:
    from types import TracebackType

    from av.container import OutputContainer
    from typing_extensions import Self

    from rtseg.frame import Painted
    from rtseg.sinks.encoder import Encoder
    from rtseg.sources.base import Source

# What the muxer has given out is in the file, not in a buffer of ours.
_ANY = {"fflags": "+flush_packets"}
# A fragment ends where a key frame comes. At the end the film becomes an ordinary, seekable one. Without
# delay_moov, a film that begins late would begin at 0.
_FRAGMENTED = {
    "movflags": "hybrid_fragmented+delay_moov+frag_keyframe",
    "movie_timescale": str(TIME_BASE.denominator),
}
_MATROSKA = {"cluster_time_limit": "1000", "avoid_negative_ts": "disabled"}

_PIECE = re.compile(r"-\d{4,}$")


def piece_path(path: Path, number: int) -> Path:
    """Name of the `number`-th file, from 1, of a recording that is split."""
    return path.with_name(f"{path.stem}-{number:04d}{path.suffix}")


def pieces_of(path: Path) -> list[Path]:
    """The files that exist of a split recording to `path`, in order of their names."""
    found = path.parent.glob(f"{_escaped(path.stem)}-*{path.suffix}") if path.parent.is_dir() else []
    return sorted(piece for piece in found if _PIECE.fullmatch(piece.stem[len(path.stem) :]))


class RecordingSink:
    """Records painted pictures into MP4, MOV or Matroska, each at its own time; for runs without an end.

    A file has its name from the start and plays at any moment. It is written a second at a time (fragments,
    each from a key frame on), and brought to the disk then, so that a crash costs the last second or two, of
    the process as of the machine. At an orderly end, MP4 and MOV become ordinary files.

    With `split_s` there are files NAME-0001, NAME-0002 …, each from a key frame on and each beginning at time
    0, so that each is a film of its own in any player; `creation_time` in it is the wall clock then. Without,
    times are the frames' own.

    A picture of another size than the source said is stretched to that. Used by one thread. `write` may wait
    for the disk: put it aside (`rtseg.pipeline.Aside`) where nothing may wait.

    Attributes:
        warnings: one line for each oddity met; complete once it is closed.
        paths: the files written, whole or growing, in order.
    """

    def __init__(
        self,
        path: str | Path,
        source: Source,
        *,
        codec: str = "h264",
        crf: float | None = None,
        size: tuple[int, int] | None = None,
        split_s: float | None = None,
    ) -> None:
        """Choose file and encoder; nothing is written yet.

        Args:
            path: the file; its ending decides on the format.
            source: the entered source of the frames.
            codec: see `find_encoder`.
            crf: quality on the encoder's own scale, lower is better; None for the usual one.
            size: width and height of the pictures; None for those of the source.
            split_s: begin another file after so many seconds; None for one file.

        Raises:
            OutputError: there is no such encoder here, or the file cannot hold what it writes.
        """
        self.warnings: list[str] = []
        self.paths: list[Path] = []
        self._path = Path(path)
        self._source = source
        self._size = size or (source.width, source.height)
        self._encoder = find_encoder(codec, crf, *self._size)
        check_holds(CONTAINERS[self._path.suffix.lower()], self._encoder.codec, path)
        self._split_units = None if split_s is None else max(1, round(split_s / TIME_BASE))
        self._file: _File | None = None
        self._has_failed = False
        self._saw_other_size = False

    def __enter__(self) -> Self:
        """Make the first file; OutputError if it cannot be made there."""
        try:
            self._file = self._next_file()
        except (OSError, av.FFmpegError) as error:
            raise OutputError(
                f"{self._path}: cannot be made ({error.strerror}). Choose another place."
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish the file; SinkFault if its end could not be written, and there was no error before."""
        try:
            self._close()
        except (OSError, av.FFmpegError) as failure:
            if error is None:
                raise self._fault(failure) from failure

    def write(self, painted: Painted) -> None:
        """Encode one picture, and begin another file where it is time; SinkFault if the disk is full."""
        if self._has_failed:
            return
        pts = times_of(painted.frame)
        self._note_size(painted.picture)
        try:
            if self._file is None or self._file.is_full(pts, self._split_units):
                self._close()
                self._file = self._next_file()
            self._file.write(painted.picture, pts)
        except (OSError, av.FFmpegError) as error:
            self._has_failed = True
            raise self._fault(error) from error

    def end_segment(self) -> dict[str, Any]:
        """Do nothing: a recording is not gone on with."""
        return {}

    def _next_file(self) -> _File:
        is_split = self._split_units is not None
        path = piece_path(self._path, len(self.paths) + 1) if is_split else self._path
        file = _File(path, self._encoder, self._source, self._size, from_zero=is_split)
        self.paths.append(path)
        return file

    def _close(self) -> None:
        """Finish the file in hand; one without a picture is removed."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        finally:
            if not file.path.exists():
                self.paths.remove(file.path)

    def _note_size(self, picture: av.VideoFrame) -> None:
        size, expected = (picture.width, picture.height), self._size
        if size != expected and not self._saw_other_size:
            self._saw_other_size = True
            self.warnings.append(
                f"{self._path}: pictures of {size[0]}x{size[1]} came in mid-stream; they are recorded "
                f"stretched to {expected[0]}x{expected[1]}"
            )

    def _fault(self, error: OSError | av.FFmpegError) -> SinkFault:
        path = self.paths[-1] if self.paths else self._path
        return SinkFault(
            f"{path}: recording failed ({error.strerror}). "
            "What was recorded before is kept and plays; make room, then run again with another name."
        )


class _File:
    """One file of a recording, open."""

    def __init__(
        self, path: Path, encoder: Encoder, source: Source, size: tuple[int, int], *, from_zero: bool
    ) -> None:
        """Make the file; OSError or av.FFmpegError if that fails."""
        self.path = path
        self._format = CONTAINERS[path.suffix.lower()]
        self._from_zero = from_zero
        self._first_pts: int | None = None
        options = {**_ANY, **(_MATROSKA if self._format == "matroska" else _FRAGMENTED)}
        # Opened by us too: to be refused at once, and to bring to the disk what FFmpeg has written.
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        self._container: OutputContainer | None = None
        try:
            self._container = av.open(str(path), "w", format=self._format, options=options)
            self._container.metadata["creation_time"] = datetime.now(timezone.utc).isoformat()
            self._encoder = LiveEncoder(self._container, encoder, source, size, {})
        except BaseException:
            os.close(self._handle)
            path.unlink(missing_ok=True)
            raise

    def is_full(self, pts: int, units: int | None) -> bool:
        """Whether a picture at `pts` belongs to the next file, if files are `units` long."""
        return units is not None and self._first_pts is not None and pts - self._first_pts >= units

    def write(self, picture: av.VideoFrame, pts: int) -> None:
        """Encode one picture; OSError or av.FFmpegError if that fails."""
        if self._first_pts is None:
            self._first_pts = pts
        if self._encoder.encode(picture, pts - self._first_pts if self._from_zero else pts):
            os.fdatasync(self._handle)

    def close(self) -> None:
        """Make it an ordinary file; OSError or av.FFmpegError if that fails: then what is whole is kept."""
        failure: OSError | av.FFmpegError | None = None
        for step in (self._encoder.finish, self._close_container, self._sync):
            try:
                step()
            except (OSError, av.FFmpegError) as error:
                failure = failure or error
        os.close(self._handle)
        if not self._encoder.begun:
            self.path.unlink(missing_ok=True)
        elif failure is not None and self._format != "matroska":
            drop_torn_fragment(self.path)
        if failure is not None:
            raise failure

    def _close_container(self) -> None:
        if self._container is not None:
            self._container.close()

    def _sync(self) -> None:
        os.fsync(self._handle)


def _escaped(name: str) -> str:
    """A name as a pattern that only it matches."""
    return re.sub(r"([*?[])", r"[\1]", name)

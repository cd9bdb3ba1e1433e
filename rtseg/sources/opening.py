"""Opening a video file, and saying plainly why it cannot be opened."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.stream import Disposition

from rtseg.errors import SourceError, SourceNotFoundError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

# FFmpeg renders any text as a film of a terminal; nobody who passes a .txt file means that.
_NOT_VIDEO_FORMATS = {"tty", "bin", "xbin", "adf", "idf"}
# Matroska's statistics; some muxers give them a language.
_DURATION_TAGS = ("DURATION", "DURATION-eng")
_DURATION = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_HEAD = 4096
"""Bytes at the beginning of a file that tell how long it is."""
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def open_container(path: str) -> InputContainer:
    """Open the file.

    Raises:
        SourceNotFoundError: there is no such file.
        SourceError: it is a folder, empty, not readable, or not in a format that FFmpeg knows.
    """
    check_readable(path)
    try:
        container = av.open(path, "r")
    except av.FFmpegError as error:
        raise SourceError(
            f"{path}: not a video file that can be read ({error.strerror}). "
            "Check that it is a video and that it was copied whole."
        ) from error
    if container.format.name in _NOT_VIDEO_FORMATS:
        container.close()
        raise SourceError(f"{path}: a text file, not a video. Give a video file such as clip.mp4.")
    return container


def pick_stream(container: InputContainer, path: str, number: int | None = None) -> VideoStream:
    """Choose the video stream to show: number `number` of the file, or the one FFmpeg rates highest.

    Cover pictures are never chosen by themselves.

    Raises:
        SourceError: there is none, or nothing here can decode it.
    """
    films = [
        stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic
    ]
    if number is not None:
        stream = next((stream for stream in container.streams.video if stream.index == number), None)
        if stream is None:
            raise SourceError(f"{path}: stream {number} is no video stream. {_video_streams(container)}")
    else:
        best = container.streams.best("video")
        stream = best if best in films else next(iter(films), None)
    if stream is None:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise SourceError(f"{path}: holds no video, only {kinds}. Give a file with a video stream.")
    # A stream without a decoder has no codec context, whatever the type stubs say.
    if getattr(stream, "codec_context", None) is None:
        raise SourceError(
            f"{path}: its video codec is unknown to this FFmpeg. "
            "Convert the file first, for instance with: ffmpeg -i IN -c:v libx264 OUT.mp4"
        )
    return stream


def _video_streams(container: InputContainer) -> str:
    streams = ", ".join(
        f"{stream.index} ({stream.width}×{stream.height})" for stream in container.streams.video
    )
    return f"The video streams are: {streams}." if streams else "The file holds no video."


def check_readable(path: str) -> None:
    """Check that there is a file with something in it.

    Raises:
        SourceNotFoundError: there is no such file.
        SourceError: it is a folder, empty, or cannot be read.
    """
    file = Path(path)
    try:
        if file.is_dir():
            raise SourceError(f"{path}: a folder, not a video file. Give one file of it.")
        with file.open("rb") as stream:
            if not stream.read(1):
                raise SourceError(f"{path}: the file is empty. Copy or record it again.")
    except FileNotFoundError as error:
        raise SourceNotFoundError(f"{path}: no such file. Check the path.") from error
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}). Check its permissions.") from error


def declared_end_s(stream: VideoStream) -> Fraction | None:
    """When the stream ends by the file's own account, in seconds of its clock; None where it does not say."""
    if stream.duration is not None and stream.time_base is not None:
        return ((stream.start_time or 0) + stream.duration) * stream.time_base
    tag = next((stream.metadata[key] for key in _DURATION_TAGS if key in stream.metadata), "")
    match = _DURATION.fullmatch(tag)
    if match is None:
        return None
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)


def is_cut_off(stream: VideoStream, path: str) -> bool:
    """Tell whether the file ends before it should, as after a broken copy; False where it does not say."""
    size = Path(path).stat().st_size
    entries = stream.index_entries
    if len(entries) and entries[len(entries) - 1].pos + entries[len(entries) - 1].size > size:
        return True
    with Path(path).open("rb") as file:
        return _matroska_size(file.read(_HEAD)) > size


def _matroska_size(head: bytes) -> int:
    """How long a Matroska file says it is (RFC 8794, sections 4 to 6); 0 if endless, or none.

    The segment, which holds all, follows the EBML header.
    """
    if head[:4] != _EBML:
        return 0
    header, at = _vint(head, 4)
    at += header
    if head[at : at + 4] != _SEGMENT:
        return 0
    length, begin = _vint(head, at + 4)
    endless = length == (1 << 7 * (begin - at - 4)) - 1
    return 0 if endless else begin + length


def _vint(head: bytes, at: int) -> tuple[int, int]:
    """Read a number whose leading zero bits tell its length in bytes; returns it and where it ends."""
    first = head[at] if at < len(head) else 0
    length = 9 - first.bit_length()
    value = int.from_bytes(head[at : at + length], "big") & ((1 << 7 * length) - 1)
    return value, at + length

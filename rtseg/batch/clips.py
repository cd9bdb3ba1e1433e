"""Which files a batch is made of, and what their outputs are called."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rtseg.errors import OutputError, SourceError, SourceNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VIDEO_ENDINGS = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".wmv", ".flv",
    ".3gp", ".264", ".h264", ".265", ".h265", ".hevc",
)  # fmt: skip
"""What is taken for a video in a folder or a pattern; a file that is named itself is always taken."""

LIST_ENDING = ".txt"


@dataclass(frozen=True, slots=True)
class Clip:
    """One file of a batch.

    Attributes:
        path: the file.
        name: what its outputs are called, without ending; folders below the one that was given stay.
    """

    path: Path
    name: Path


def clips_from(sources: Sequence[str], out: Path) -> list[Clip]:
    """List the files that `sources` stand for: files, folders with all in them, patterns, lists of those.

    A list is a text file with a source a line, relative to its own folder. What lies in `out` is left out.

    Raises:
        SourceError: there is nothing there.
        OutputError: outputs of two files would have one name.
    """
    found: dict[Path, Clip] = {}
    for source in sources:
        for clip in _clips_of(source, out.resolve()):
            found.setdefault(clip.path.resolve(), clip)
    clips = list(found.values())
    taken: dict[Path, Clip] = {}
    for clip in clips:
        other = taken.setdefault(clip.name, clip)
        if other is not clip:
            raise OutputError(
                f"{other.path} and {clip.path}: the outputs of both would be called {clip.name}. "
                "Give the folder above them, or run two batches."
            )
    return clips


def _clips_of(source: str, out: Path) -> Iterator[Clip]:
    path = Path(source)
    if "://" in source:
        raise SourceError(f"{source}: a batch is made of files. Use rtseg run for this.")
    if path.is_dir():
        clips = [Clip(file, file.relative_to(path).with_suffix("")) for file in _videos_below(path, out)]
        if not clips:
            raise SourceError(
                f"{source}: there is no video in this folder; looked for {' '.join(VIDEO_ENDINGS)}."
            )
        yield from clips
    elif path.is_file() and path.suffix.lower() == LIST_ENDING:
        yield from _clips_in_list(path, out)
    elif path.exists():
        yield Clip(path, Path(path.stem))
    elif glob.has_magic(source):
        matches = [Path(match) for match in sorted(glob.glob(source, recursive=True))]
        videos = [match for match in matches if _is_video(match)]
        if not videos:
            raise SourceNotFoundError(f"{source}: no video matches this pattern. Check the folder.")
        yield from (Clip(video, Path(video.stem)) for video in videos)
    else:
        raise SourceNotFoundError(f"{source}: no such file or folder. Check the path.")


def _videos_below(folder: Path, out: Path) -> list[Path]:
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (Path(root) / name).resolve() != out
        )
        paths = (Path(root) / name for name in sorted(files) if not name.startswith("."))
        found += [path for path in paths if _is_video(path) and path.parent.resolve() != out]
    return found


def _clips_in_list(path: Path, out: Path) -> Iterator[Clip]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read as a list of files, a source a line.") from error
    names = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not names:
        raise SourceError(f"{path}: the list is empty. Write a source a line.")
    for name in names:
        yield from _clips_of(name if "://" in name else str(path.parent / name), out)


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_ENDINGS and not path.is_dir()

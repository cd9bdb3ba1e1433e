"""Where outputs may be written, and under which name they grow."""

from __future__ import annotations

import os
import secrets
from io import BytesIO
from pathlib import Path

import av

from rtseg.errors import OutputError
from rtseg.sources import listing

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""File name endings that can be written, and FFmpeg's name for the format.

All hold H.264 and keep each frame's timestamp. AVI keeps none and WebM allows no H.264, so neither is here.
"""


def growing_path(path: Path) -> Path:
    """Where an output grows until it is whole: hidden, in the same folder, so that renaming never copies.

    Another name each time: what an earlier run left may still be needed.
    """
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


def check_output(path: str | Path, source_uri: str) -> None:
    """Check that a video can be written to `path`. Nothing is opened, made or changed.

    Raises:
        OutputError: it is not named as a video, is a folder or the source itself, or its folder does not
            exist or cannot be written to.
    """
    output = Path(path)
    if output.is_dir():
        raise OutputError(f"{path}: a folder. Give the name of a video file in it, such as out.mp4.")
    if output.suffix.lower() not in CONTAINERS:
        endings = " ".join(CONTAINERS)
        raise OutputError(
            f"{path}: not a kind of video that can be written. Let the name end in one of: {endings}"
        )
    check_place(output, source_uri)


def check_place(output: Path, source_uri: str) -> None:
    """Check that something can be written to `output`, whatever it is. Nothing is opened, made or changed.

    Raises:
        OutputError: its folder (or itself, if it is one) does not exist or cannot be written to, or it is
            the source itself.
    """
    folder = output if output.is_dir() else output.parent
    if not folder.is_dir():
        raise OutputError(f"{output}: the folder {folder} does not exist. Make it first, or choose another.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{output}: the folder {folder} cannot be written to. Choose another.")
    _check_spares(output, source_uri)


def holds_something(output: Path) -> bool:
    """Tell whether writing to `output` would replace something: a file, or a folder with images in it."""
    if output.is_dir():
        return any(path.suffix.lower() in listing.ENDINGS for path in output.iterdir())
    return output.exists()


def check_holds(container: str, codec: str, path: str | Path) -> None:
    """Check that files of the format `container` can hold video of `codec`, FFmpeg's names both.

    Raises:
        OutputError: they cannot.
    """
    with av.open(BytesIO(), "w", format=container) as nothing:
        if codec in nothing.supported_codecs:
            return
    raise OutputError(
        f"{path}: this kind of file cannot hold {codec} video. Let the name end in .mkv, which holds any."
    )


def _check_spares(output: Path, source_uri: str) -> None:
    """Check that nothing of the source is replaced by, or mixed with, what is written.

    Raises:
        OutputError: something would be.
        InputError: the source is a folder or pattern without images.
    """
    if not output.exists() or "://" in source_uri:
        return
    if not listing.is_images(source_uri):
        if Path(source_uri).exists() and output.samefile(source_uri):
            raise OutputError(
                f"{output}: the output is the source itself. Choose another name for the output."
            )
        return
    images = listing.image_paths(source_uri)
    if output.is_dir():
        if output.resolve() in {folder.resolve() for folder in {image.parent for image in images}}:
            raise OutputError(
                f"{output}: the source's images are in this folder. Choose another for the output."
            )
    elif output.resolve() in {image.resolve() for image in images}:
        raise OutputError(f"{output}: an image of the source itself. Choose another name for the output.")

"""Which image files a path stands for, in which order and under which names."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from itertools import takewhile
from pathlib import Path

from rtseg.errors import SourceError, SourceNotFoundError
from rtseg.sources.opening import check_readable

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
"""File name endings that are taken for images, in any case; a single file is tried whatever its name."""


def is_images(uri: str) -> bool:
    """Tell whether `uri` names still images: a folder, a pattern such as 'drive/*.png', or an image file.

    An image file is told by its ending, and need not exist. What exists is never a pattern.
    """
    if "://" in uri:
        return False
    return os.path.isdir(uri) or _is_pattern(uri) or _is_image_name(uri)


def image_paths(uri: str) -> list[Path]:
    """List the image files that `uri` stands for, img2 before img10. No image is opened.

    In a folder that is every image directly in it; hidden files and all others are left out. In a pattern,
    `**` stands for any number of folders.

    Raises:
        SourceNotFoundError: there is no such file, or nothing matches the pattern.
        SourceError: it cannot be read, or there is no image in the folder.
    """
    if os.path.isdir(uri):
        paths = _paths_in_folder(uri)
    elif _is_pattern(uri):
        paths = _paths_of_pattern(uri)
    else:
        check_readable(uri)
        paths = [Path(uri)]
    return sorted(paths, key=_natural_order)


def image_names(paths: list[Path], uri: str) -> list[str]:
    """Give each of the images that `uri` stands for a name of its own, fit for a file.

    It is the file's name without ending. Folders that the pattern left open stand before it, joined by "-":
    'drives/*/*.png' makes monday-0001. Images that would share a name keep their ending (a.png, a.jpg); where
    that is not enough, the later one has a number after it.
    """
    root = _root(uri)
    inner = [path.relative_to(root) for path in paths]
    names = ["-".join(path.with_suffix("").parts) for path in inner]
    uses = Counter(names)
    taken: set[str] = set()
    for index, path in enumerate(inner):
        name = names[index] if uses[names[index]] == 1 else "-".join(path.parts)
        names[index] = _free_name(name, taken)
        taken.add(names[index])
    return names


def _is_pattern(uri: str) -> bool:
    return glob.has_magic(uri) and not os.path.exists(uri)


def _is_image_name(name: str) -> bool:
    return Path(name).suffix.lower() in ENDINGS


def _paths_in_folder(folder: str) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            # A link that leads nowhere is kept, to be named among those that cannot be read.
            paths = [
                Path(entry.path)
                for entry in entries
                if _is_image_name(entry.name) and not entry.name.startswith(".") and not entry.is_dir()
            ]
    except OSError as error:
        raise SourceError(
            f"{folder}: the folder cannot be read ({error.strerror}). Check its permissions."
        ) from error
    if not paths:
        raise SourceError(
            f"{folder}: there is no image in this folder; looked for {' '.join(ENDINGS)}. "
            f"For folders in it, give a quoted pattern: '{Path(folder) / '**/*.png'}'"
        )
    return paths


def _paths_of_pattern(pattern: str) -> list[Path]:
    # A set: with two ** the same file is found more than once.
    found = {Path(match) for match in glob.glob(pattern, recursive=True) if _is_image_name(match)}
    paths = [path for path in found if not path.is_dir()]
    if not paths:
        raise SourceNotFoundError(
            f"{pattern}: no image matches this pattern; looked for {' '.join(ENDINGS)}. Check the folder."
        )
    return paths


def _natural_order(path: Path) -> tuple[list[list[str | int]], Path]:
    """Sort by the numbers in names, not by their digits; upper and lower case alike."""
    return [
        [int(piece) if piece.isdecimal() else piece.casefold() for piece in re.split(r"(\d+)", part)]
        for part in path.parts
    ], path


def _root(uri: str) -> Path:
    """The folder that names begin below: for a pattern, the one before its first wildcard."""
    path = Path(uri)
    if path.is_dir():
        return path
    if _is_pattern(uri):
        return Path(*takewhile(lambda part: not glob.has_magic(part), path.parts))
    return path.parent


def _free_name(name: str, taken: set[str]) -> str:
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free

"""Files that nobody else may write, from their first byte on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_private(path: Path, content: bytes | memoryview) -> None:
    """Write a file of this user's, over an older one; never through a link.

    A file that is made writable for others and closed to them later can have been opened in between.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)


def publish(partial: Path, path: Path) -> None:
    """Put a finished file in its place for all to read; it is on the disk before it has its name.

    Raises:
        OSError: it cannot be done; the partial file is left.
    """
    os.chmod(partial, 0o644)
    sync(partial)
    os.replace(partial, path)


def sync(path: Path) -> None:
    """Have a file, or a folder's names, on the disk.

    Raises:
        OSError: the disk is full, or gone.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""The end of a fragmented MP4 that was cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def drop_torn_fragment(path: Path) -> None:
    """Shorten a fragmented MP4 or MOV to its last whole fragment, so that every frame in it decodes.

    A fragment is a `moof` box with its `mdat` after it (ISO/IEC 14496-12, 8.8). A whole file stays as it is.
    """
    size = path.stat().st_size
    whole_until = position = 0
    with path.open("r+b") as file:
        while position + 16 <= size:
            file.seek(position)
            header = file.read(16)
            length, kind = int.from_bytes(header[:4], "big"), header[4:8]
            if length == 1:
                length = int.from_bytes(header[8:], "big")
            if length < 8 or position + length > size:
                break
            position += length
            if kind != b"moof":
                whole_until = position
        file.truncate(whole_until)

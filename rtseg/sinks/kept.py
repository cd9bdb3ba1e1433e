"""What an earlier run, or another process, left of an output, and how to find it again."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Kept:
    """The beginning, or a later part, of an output that is there already.

    Attributes:
        path: the file that holds it.
        frames: how many of its frames count; what comes after them is not whole.
        state: what the sink said of it when it ended its last segment; nothing for a whole output.
    """

    path: Path
    frames: int
    state: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Forerun:
    """What was made of a run's outputs before it, by an earlier run or by others.

    Attributes:
        next_frame: number of the source's frame to go on with.
        last_pts: presentation time of the frame before it; None where it is not known.
        kept: the parts of each output, by its kind, in order.
        propagated: how many of the frames have labels that were moved to them, as far as that is known.
    """

    next_frame: int = 0
    last_pts: int | None = None
    kept: Mapping[str, Sequence[Kept]] = field(default_factory=dict)
    propagated: int = 0


def synced_state(path: Path, **more: Any) -> dict[str, Any]:  # noqa: ANN401 (whatever JSON holds)
    """Have the system write a growing file to the disk, where it survives a power cut; say how to find it.

    JSON-ready: its name, its number on the disk, how long it is, and whatever else is given.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    facts = path.stat()
    return {"file": path.name, "inode": facts.st_ino, "bytes": facts.st_size, **more}


def found(output: Path, state: Mapping[str, Any]) -> Path | None:
    """The growing file of `output` under its hidden name; None if it is gone or shorter than it was.

    If it has the output's own name already, it gets the hidden one again: the output will be replaced.
    """
    hidden = output.with_name(state["file"])
    for path in (hidden, output):
        if not path.is_file():
            continue
        facts = path.stat()
        if facts.st_ino == state["inode"] and facts.st_size >= state["bytes"]:
            if path == output:
                _give_name(output, hidden)
            return hidden
    return None


def _give_name(path: Path, name: Path) -> None:
    try:
        name.hardlink_to(path)
    except OSError:  # not every file system has links
        path.replace(name)

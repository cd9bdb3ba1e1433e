"""Which of our modules are for some versions only; everything else must hold in all of them.

An entry needs a reason, and the module must be imported only where the version has been asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.trt import versions

if TYPE_CHECKING:
    from pathlib import Path

ALL: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Range:
    """From `first` on and before `end`; `ALL` is no limit. `reason` is what those versions have or lack."""

    first: tuple[int, ...]
    end: tuple[int, ...]
    reason: str

    def has(self, version: str) -> bool:
        number = versions.key(version)
        return number >= self.first and (self.end == ALL or number < self.end)


RANGES = {
    "rtseg/tensorrt/weakly_typed.py": Range(
        ALL,
        (10,),
        "TensorRT 8 chooses types by builder flags, which 11 has not; from 10 on the file states them",
    ),
    "rtseg/tensorrt/strongly_typed.py": Range((10,), ALL, "8 has no strongly typed networks"),
    "rtseg/tensorrt/progress.py": Range((10,), ALL, "8 has no progress monitor in Python"),
}
"""By path from the folder that the package is in."""


def holds(file: Path, version: str) -> bool:
    """Whether the module in `file` is for this version."""
    found = [entry for path, entry in RANGES.items() if file.as_posix().endswith(f"/{path}")]
    return all(entry.has(version) for entry in found)

"""Which versions of the bindings the project is held against, and where they are."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".venv" / "trt"

VERSIONS = ("8.6.1", "10.3.0", "10.13.3.9", "11.4.0.106")
"""JetPack 6.0's, nearly; JetPack 6.1's; a late one with weak typing; the newest, which has none."""

FOR_TYPES = "10.13.3.9"
"""What the ordinary run of mypy takes for TensorRT."""


def key(version: str) -> tuple[int, ...]:
    """A version as numbers, to compare: 10.13.3.9.post1 → (10, 13, 3, 9)."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def distribution(version: str) -> str:
    """The name under which PyPI has the bindings alone."""
    return "tensorrt-bindings" if key(version) < (9,) else "tensorrt-cu12-bindings"


def folder(version: str) -> Path:
    """Where this version's wheel is unpacked, for the running Python."""
    return FOLDER / f"{version}-cp{sys.version_info[0]}{sys.version_info[1]}"


def surface_file(version: str) -> Path:
    """What `reflect.py` found; written last, so where it is, all is."""
    return folder(version) / "surface.json"


def installed(version: str) -> bool:
    """Whether it is all there, read by the `reflect.py` that is."""
    return surface_file(version).is_file() and stamp_file(version).is_file()


def stamp_file(version: str) -> Path:
    """Is there if `surface_file` is of the present `reflect.py`."""
    present = hashlib.sha256(Path(__file__).with_name("reflect.py").read_bytes()).hexdigest()[:12]
    return folder(version) / f"reflected-{present}.stamp"

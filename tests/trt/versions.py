"""Which versions of the bindings the project is held against, and where they are."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".venv" / "trt"

VERSIONS = ("8.6.1", "10.3.0", "10.13.3.9", "11.4.0.106")
"""JetPack 6.0's, nearly; JetPack 6.1's; a late one with weak typing; the newest, which has none."""

TYPE_STUBS = "10.13.0.35.1"
"""Of the package tensorrt-stubs, which the ordinary mypy run reads."""


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
    return surface_file(version).is_file()

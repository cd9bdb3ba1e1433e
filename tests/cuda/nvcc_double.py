"""An nvcc that compiles nothing: whatever it is asked for, it gives the same file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = """#!/bin/sh
[ "$1" = --version ] && {{ echo "Cuda compilation tools, release 12.4, V12.4.99"; exit; }}
while [ "$1" != --output-file ]; do shift; done
cp "{cubin}" "$2"
"""

FOLDER_VARIABLES = ("CUDA_HOME", "CUDA_PATH", "CUDA_ROOT")
"""Where a real one may be, which goes before the PATH."""


def nvcc_double(folder: Path, cubin: Path | None = None) -> Path:
    """Make one in `folder`, and return it; it gives `cubin`, or something that no GPU takes."""
    if cubin is None:
        cubin = folder / "nothing.cubin"
        cubin.write_bytes(b"cubin")
    program = folder / "nvcc"
    program.write_text(_SCRIPT.format(cubin=cubin))
    program.chmod(0o755)
    return folder


def with_nvcc(environ: dict[str, str], folder: Path) -> dict[str, str]:
    """The environment in which the nvcc in `folder` is the first that is found."""
    kept = {name: value for name, value in environ.items() if name not in FOLDER_VARIABLES}
    return {**kept, "PATH": f"{folder}{os.pathsep}{environ['PATH']}"}

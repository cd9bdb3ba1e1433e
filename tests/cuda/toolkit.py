"""What `install.py` puts under .venv/cuda, and where."""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(sys.prefix) / "cuda"
TOOLKIT = FOLDER / "toolkit" / "nvidia" / "cu13"
INCLUDE = TOOLKIT / "include"
NVCC = TOOLKIT / "bin" / "nvcc"
"""CUDA 13's compiler: sm_75 and newer."""

NVRTC = FOLDER / "toolkit-12" / "nvidia" / "cuda_nvrtc" / "lib" / "libnvrtc.so.12"
"""CUDA 12.9's compiler as a library: the last that knows sm_72; no wheel of it has nvcc itself."""


def why_missing() -> str | None:
    """Why nothing of CUDA can be tested here; None where it can."""
    stamp = FOLDER / "missing.txt"
    if stamp.exists():
        return stamp.read_text().strip()
    return (
        None if INCLUDE.is_dir() else f"CUDA's headers are not in {FOLDER}; `make .venv/cuda.stamp` gets them"
    )

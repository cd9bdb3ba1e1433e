"""Compilers for the kernels: which are here, and what each makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rtseg.cuda.nvcc import find_nvccs
from rtseg.cuda.nvrtc import find_nvrtcs

if TYPE_CHECKING:
    from pathlib import Path

    from rtseg.cuda.device import Gpu


class Compiler(Protocol):
    """Something that makes code for a GPU from CUDA C."""

    @property
    def name(self) -> str:
        """Which one, with its version, for instance "nvcc13.0.88"; part of file names."""

    @property
    def cuda(self) -> tuple[int, int]:
        """The version of CUDA that it belongs to."""

    def compile(self, source: Path, compute_capability: tuple[int, int]) -> bytes:
        """Compile for GPUs of this compute capability alone; about a second.

        Raises:
            CompileError: it cannot, with its reason: an old compiler does not know new GPUs, a new one has
                forgotten old GPUs.
        """


def compilers_for(gpu: Gpu) -> list[Compiler]:
    """All compilers that are here, the best first.

    Code of a newer CUDA than the driver's need not load, so those come last; nvcc comes before NVRTC.
    """
    newest = tuple(map(int, gpu.driver_version.split(".")))
    found: list[Compiler] = [*find_nvccs(), *find_nvrtcs()]
    return sorted(found, key=lambda compiler: compiler.cuda[0] > newest[0])

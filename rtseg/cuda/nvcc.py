"""CUDA's compiler, as a program of its toolkit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rtseg.cuda.compile_error import CompileError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOLDER_VARIABLES = ("CUDA_HOME", "CUDA_PATH", "CUDA_ROOT")
_USUAL_FOLDER = "/usr/local/cuda"
_PATIENCE_S = 120


@dataclass(frozen=True, slots=True)
class Nvcc:
    """An nvcc that runs; it takes a C++ compiler along. See `Compiler`.

    Attributes:
        program: the program.
        version: "13.0.88".
    """

    program: Path
    version: str

    @property
    def name(self) -> str:
        """With its version."""
        return f"nvcc{self.version}"

    @property
    def cuda(self) -> tuple[int, int]:
        """The toolkit's version."""
        major, minor, *_ = self.version.split(".")
        return int(major), int(minor)

    def compile(self, source: Path, compute_capability: tuple[int, int]) -> bytes:
        """Compile to a cubin."""
        with tempfile.TemporaryDirectory() as scratch:
            made = Path(scratch) / "kernels.cubin"
            major, minor = compute_capability
            to = (f"--gpu-architecture=sm_{major}{minor}", "--cubin", "--output-file", str(made))
            done = _run(str(self.program), *to, str(source))
            if done is None or done.returncode or not made.is_file():
                raise CompileError(f"{self.program}: {_reason(done)}")
            return made.read_bytes()


def find_nvccs() -> list[Nvcc]:
    """The nvccs that run, in the order in which they are looked for: CUDA_HOME, the PATH, the usual."""
    found: dict[str, Nvcc] = {}
    for program in _candidates():
        version = _version_of(program)
        if version is not None:
            found.setdefault(version, Nvcc(program, version))
    return list(found.values())


def _candidates() -> Iterator[Path]:
    folders = [*filter(None, map(os.environ.get, _FOLDER_VARIABLES)), _USUAL_FOLDER]
    on_path = shutil.which("nvcc")
    places = [Path(folder) / "bin" / "nvcc" for folder in folders]
    yield from places[:-1]
    if on_path is not None:
        yield Path(on_path)
    yield places[-1]


def _version_of(program: Path) -> str | None:
    done = _run(str(program), "--version")
    found = re.search(r"\bV(\d+\.\d+\.\d+)", done.stdout) if done is not None else None
    return found.group(1) if found else None


def _run(*command: str) -> subprocess.CompletedProcess[str] | None:
    """Run it; None if it does not start or does not end."""
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=_PATIENCE_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None


def _reason(done: subprocess.CompletedProcess[str] | None) -> str:
    if done is None:
        return "does not start, or does not end"
    lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower() or "fatal" in line.lower()]
    return (telling or lines or [f"exit code {done.returncode}"])[0]

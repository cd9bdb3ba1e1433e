"""Compiling the emulator, and kernels for it, with g++."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
from pathlib import Path

from tests.cuda.toolkit import FOLDER, INCLUDE

SOURCES = Path(__file__).parent / "driver"
KERNEL_HEADER = Path(__file__).parent / "cuda_on_host.h"
STRICT = ("-Wall", "-Wextra", "-Werror", "-O1", "-g", "-fPIC", "-fvisibility=hidden")


def build(folder: Path = FOLDER, include: Path = INCLUDE) -> Path:
    """Return the folder under `folder` that holds libcuda.so.1 and libcuda.so, built if its sources changed.

    Two processes that build at the same time both succeed; the folder appears whole or not at all.
    """
    place = folder / f"emulator-{_digest(sorted(SOURCES.glob('*.[ch]*')))}"
    if not place.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            _compile(Path(scratch), include)
            _move(Path(scratch) / "lib", place)
    return place


def compile_kernels(source: Path, folder: Path = FOLDER) -> Path:
    """Return a shared object with the kernels of a .cu file, for `cuModuleLoadData` of the emulator."""
    place = folder / f"kernels-{_digest([source, KERNEL_HEADER, SOURCES / 'kernel.h'])}.so"
    if not place.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            unit, made = Path(scratch) / "unit.cpp", Path(scratch) / "kernels.so"
            unit.write_text(_unit(source))
            flags = ("-std=c++17", "-O2", "-g", "-fPIC", "-shared", "-fno-strict-aliasing")
            _run(["g++", *flags, f"-I{KERNEL_HEADER.parent}", str(unit), "-o", str(made)])
            made.replace(place)
    return place


def _unit(source: Path) -> str:
    """C++ that holds the kernels of a .cu file and their descriptions."""
    names = re.findall(
        r"__global__\s+void\s+(?:__launch_bounds__\s*\([^)]*\)\s*)?(\w+)\s*\(", source.read_text()
    )
    lines = [
        '#include "cuda_on_host.h"',
        f'#include "{source.resolve()}"',
        *(f"EMU_KERNEL({n})" for n in names),
    ]
    return "\n".join(lines) + "\n"


def _digest(files: list[Path]) -> str:
    content = hashlib.sha256()
    for file in files:
        content.update(file.name.encode() + b"\0" + file.read_bytes())
    return content.hexdigest()[:16]


def _compile(scratch: Path, include: Path) -> None:
    """Compile all sources as one: most of the time goes into the headers that they share."""
    unit, rest = scratch / "unit.cpp", scratch / "unsupported.o"
    unit.write_text("".join(f'#include "{source}"\n' for source in sorted(SOURCES.glob("*.cpp"))))
    _run(["gcc", *STRICT, "-c", str(SOURCES / "unsupported.c"), "-o", str(rest)])
    library = scratch / "lib" / "libcuda.so.1"
    library.parent.mkdir()
    link = ("-shared", "-Wl,-soname,libcuda.so.1", "-Wl,-z,defs", "-pthread", "-ldl")
    _run(
        [
            "g++",
            "-std=c++17",
            *STRICT,
            "-isystem",
            str(include),
            str(unit),
            str(rest),
            *link,
            "-o",
            str(library),
        ]
    )
    (library.parent / "libcuda.so").symlink_to("libcuda.so.1")


def _move(made: Path, place: Path) -> None:
    try:
        made.rename(place)
    except OSError:
        if not place.is_dir():  # another process was first, with the same sources
            raise


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")

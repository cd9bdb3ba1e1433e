"""CUDA's compiler, as a library: it needs no toolkit and no C++ compiler."""

from __future__ import annotations

import ctypes
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from rtseg.cuda.compile_error import CompileError

_VERSIONS = ("13", "12", "11.2")
"""Endings of the library's name, by the CUDA that they belong to; older ones make no code, only PTX."""


@dataclass(frozen=True, slots=True)
class Nvrtc:
    """An NVRTC library that loads. See `Compiler`.

    Attributes:
        library: the library.
        cuda: its version.
    """

    library: ctypes.CDLL
    cuda: tuple[int, int]

    @property
    def name(self) -> str:
        """With its version."""
        return f"nvrtc{self.cuda[0]}.{self.cuda[1]}"

    def compile(self, source: Path, compute_capability: tuple[int, int]) -> bytes:
        """Compile to a cubin."""
        program = ctypes.c_void_p()
        text = source.read_bytes()
        made = self.library.nvrtcCreateProgram(ctypes.byref(program), text, b"kernels.cu", 0, None, None)
        if made:
            raise CompileError(f"{self.name}: {self._words(made)}")
        try:
            major, minor = compute_capability
            options = (ctypes.c_char_p * 1)(f"--gpu-architecture=sm_{major}{minor}".encode())
            code = self.library.nvrtcCompileProgram(program, 1, options)
            if code:
                raise CompileError(f"{self.name}: {self._reason(program, code)}")
            return self._bytes(program, "CUBIN")
        finally:
            self.library.nvrtcDestroyProgram(ctypes.byref(program))

    def _bytes(self, program: ctypes.c_void_p, what: str) -> bytes:
        """The cubin, or the log, of a program."""
        size = ctypes.c_size_t()
        code = getattr(self.library, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
        content = ctypes.create_string_buffer(max(size.value, 1))
        code = code or getattr(self.library, f"nvrtcGet{what}")(program, content)
        if code or not size.value:
            raise CompileError(f"{self.name}: {self._words(code) if code else f'there is no {what}'}")
        return content.raw[: size.value]

    def _reason(self, program: ctypes.c_void_p, code: int) -> str:
        """The first line of the log, or the error's name where that says nothing."""
        log = self._bytes(program, "ProgramLog").rstrip(b"\0").decode(errors="replace")
        lines = [line.strip() for line in log.splitlines() if line.strip()]
        return lines[0] if lines else self._words(code)

    def _words(self, code: int) -> str:
        name: bytes = self.library.nvrtcGetErrorString(code)
        return name.decode(errors="replace")


def find_nvrtcs() -> list[Nvrtc]:
    """The NVRTC libraries that load, newest first: those of the system, and those that pip installed."""
    found: dict[tuple[int, int], Nvrtc] = {}
    for ending in _VERSIONS:
        name = f"libnvrtc.so.{ending}"
        for place in (name, *_installed(name)):
            opened = open_nvrtc(place)
            if opened is not None:
                found.setdefault(opened.cuda, opened)
    return list(found.values())


def open_nvrtc(place: str) -> Nvrtc | None:
    """Load the library at `place`; None where there is none that makes code."""
    try:
        library = ctypes.CDLL(place)
        library.nvrtcGetErrorString.restype = ctypes.c_char_p
        for name in ("nvrtcCreateProgram", "nvrtcGetCUBIN", "nvrtcGetCUBINSize"):
            getattr(library, name)
    except (OSError, AttributeError):
        return None
    major, minor = ctypes.c_int(), ctypes.c_int()
    if library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)):
        return None
    return Nvrtc(library, (major.value, minor.value))


def _installed(name: str) -> list[str]:
    """Where NVIDIA's wheels have put a library of this name."""
    spec = importlib.util.find_spec("nvidia")  # a namespace: nothing is imported
    folders = spec.submodule_search_locations if spec is not None else None
    return [str(path) for folder in folders or () for path in Path(folder).glob(f"*/lib/{name}")]

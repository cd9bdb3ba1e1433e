"""Empty libraries in the place of TensorRT's own.

The bindings are linked against libnvinfer, the ONNX parser and the plugins. To be imported they need
libraries of those names with a few C symbols, none of which is called before a builder or a runtime is
made; each stand-in returns a null pointer.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

OURS = re.compile(r"nvinfer|nvonnxparser|nvparsers")
SYMBOL = re.compile(
    r"^(create\w+_INTERNAL|get\w*PluginRegistry|getNvOnnxParserVersion|initLib\w+|_ZN\d+nv(uff|caffe)\w+)$"
)


def make_libraries(module: Path, folder: Path) -> None:
    """Write the libraries that the bindings' `module` asks for into `folder`; needs gcc and binutils."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "standin.c"
    symbols = [name for name in _undefined(module) if SYMBOL.match(name)]
    source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in symbols))
    empty = folder / "empty.c"
    empty.write_text("typedef int nothing;\n")
    for library in _needed(module):
        code = source if library.startswith("libnvinfer.so") else empty
        _run("cc", "-shared", "-fPIC", f"-Wl,-soname,{library}", "-o", str(folder / library), str(code))


def _needed(module: Path) -> list[str]:
    names = re.findall(r"\(NEEDED\).*\[(.+)\]", _run("readelf", "-d", str(module)))
    return [name for name in names if OURS.search(name)]


def _undefined(module: Path) -> list[str]:
    lines = _run("nm", "-D", "--undefined-only", str(module)).splitlines()
    return [line.split()[-1] for line in lines if line.strip()]


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout

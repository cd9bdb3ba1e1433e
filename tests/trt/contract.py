"""Our sources against one version of the bindings: `python -m tests.trt.contract 10.7.0`.

Prints what is missing there or wrong, and ends with 1 if there is anything. Every line is looked at, whether
a test executes it or not.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.trt import install, ranges, stubs, unchecked, versions
from tests.trt.double.surface import Surface

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIGURATION = """\
[mypy]
strict = true
warn_unreachable = true
python_version = 3.10
mypy_path = {stubs}:{package}
follow_imports = silent
cache_dir = {cache}
warn_unused_ignores = false
explicit_package_bases = true

[mypy-tensorrt.*]
ignore_errors = true

[mypy-{loose}]
ignore_missing_imports = true
follow_imports = skip
"""
"""What mypy takes for unreachable it does not look at, so it has to say so. The bindings' own flaws, such as
overloads that never match, are not ours."""

LOOSE = ("cv2", "av", "openvino", "onnxruntime", "onnx", "pycuda", "psutil", "torch", "rich", "click")

USES = re.compile(r"^\s*(import tensorrt\b|from tensorrt\b)|\bload_tensorrt\(", re.MULTILINE)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.trt.contract", description=__doc__)
    parser.add_argument("version")
    parser.add_argument("--source", type=Path, default=versions.ROOT / "rtseg", help="a folder or a file")
    asked = parser.parse_args(arguments)
    try:
        found = breaches(asked.version, asked.source)
    except install.NotAvailable as error:
        print(f"TensorRT {asked.version}: {error}.")
        return 2
    print("\n".join(found) or f"TensorRT {asked.version}: everything that is used is there.")
    return 1 if found else 0


def breaches(version: str, source: Path) -> list[str]:
    """All that `source` uses and TensorRT `version` has not, or has otherwise, a line each.

    Raises:
        NotAvailable: the version's bindings cannot be had here.
    """
    files = [file for file in users(source) if ranges.holds(file, version)]
    surface = Surface.load(install.install(version) / "surface.json")
    lines = [str(fault) for file in files for fault in unchecked.faults(file, _shown(file), [surface])]
    return [f"{line} [TensorRT {version}]" for line in [*_type_errors(version, files), *lines]]


def users(source: Path) -> list[Path]:
    """The Python files in `source` that use TensorRT."""
    files = sorted(source.rglob("*.py")) if source.is_dir() else [source]
    return [file.resolve() for file in files if USES.search(file.read_text())]


def _package_parent(file: Path) -> Path:
    """The folder to import the file's package from."""
    folder = file.parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return folder


def _shown(file: Path) -> str:
    return str(file.relative_to(versions.ROOT)) if file.is_relative_to(versions.ROOT) else str(file)


def _type_errors(version: str, files: Sequence[Path]) -> list[str]:
    if not files:
        return []
    folder = stubs.stub_folder(version)
    configuration = folder / "mypy.ini"
    configuration.write_text(
        CONFIGURATION.format(
            stubs=folder,
            package=_package_parent(files[0]),
            cache=versions.FOLDER / "mypy_cache",
            loose=",mypy-".join(f"{name}.*" for name in LOOSE),
        )
    )
    names = [str(file) for file in files]
    command = [sys.executable, "-m", "mypy", "--config-file", str(configuration), "--no-error-summary"]
    done = subprocess.run(
        [*command, "--no-color-output", *names],
        cwd=versions.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode > 1:
        raise RuntimeError(f"mypy: {done.stdout}{done.stderr}")
    return [line for line in done.stdout.splitlines() if ": error:" in line]


if __name__ == "__main__":
    sys.exit(main())

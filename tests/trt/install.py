"""Get the bindings: `python -m tests.trt.install [VERSION…]`, by itself all that the project names.

A wheel is downloaded by pip into `.venv/trt/VERSION-cpXY`, never installed: four versions lie side by side,
and none of them is what `import tensorrt` finds. A version that has no wheel for this Python, or that
cannot be reached, is one plain line.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tests.trt import standin, versions


class NotAvailable(Exception):
    """This version cannot be had here; the message says why, in one line."""


class NotReached(NotAvailable):
    """It might be had, but not now."""


_refused: dict[str, NotAvailable] = {}
"""What could not be had; asked for once a process."""


def main() -> int:
    wanted = sys.argv[1:] or list(versions.VERSIONS)
    failed = [version for version in wanted if not _said(version)]
    if not sys.argv[1:]:
        _write_type_stubs()
    return 1 if failed and sys.argv[1:] else 0


def install(version: str) -> Path:
    """Download, unpack and read one version, unless that has been done; return its folder.

    Raises:
        NotAvailable: no wheel for this Python, no connection, or no C compiler.
    """
    folder = versions.folder(version)
    if versions.installed(version):
        return folder
    if version in _refused:
        raise _refused[version]
    if not versions.surface_file(version).is_file():
        try:
            _get(version, folder)
        except NotAvailable as error:
            _refused[version] = error
            raise
    _reflect(folder)
    versions.stamp_file(version).touch()
    return folder


def _get(version: str, folder: Path) -> None:
    versions.FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=versions.FOLDER) as scratch:
        unpacked = Path(scratch) / "bindings"
        _unpack(_download(f"{versions.distribution(version)}=={version}", Path(scratch)), unpacked)
        try:
            standin.make_libraries(unpacked / "tensorrt_bindings" / "tensorrt.so", unpacked / "lib")
        except FileNotFoundError as error:
            raise NotAvailable(f"{error.filename} is missing; install gcc and binutils") from error
        _reflect(unpacked)
        shutil.rmtree(folder, ignore_errors=True)
        unpacked.rename(folder)


def _download(requirement: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--retries", "1"]
    command += ["--only-binary", ":all:", "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        if "onnection" in done.stderr or "timed out" in done.stderr:
            raise NotReached(f"{requirement} is not here, and PyPI cannot be reached")
        if "No matching distribution" in done.stderr:
            raise NotAvailable(f"PyPI has no wheel of {requirement} for Python {_python()}")
        raise NotAvailable(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "pip failed")
    return next(folder.glob("*.whl"))


def _unpack(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)


def _reflect(folder: Path) -> None:
    """Import the bindings in a process of their own, and keep what they offer; written last."""
    command = [sys.executable, "-m", "tests.trt.reflect", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=versions.ROOT)
    if done.returncode:
        raise NotAvailable(f"the bindings do not import: {done.stderr.strip().splitlines()[-1]}")
    partial = folder / f"surface.{os.getpid()}.part"
    partial.write_text(done.stdout)
    partial.replace(folder / "surface.json")


def _said(version: str) -> bool:
    try:
        install(version)
    except NotAvailable as error:
        print(f"TensorRT {version}: {error}; its tests skip.")
        return False
    return True


def _write_type_stubs() -> None:
    """Where the ordinary run of mypy finds TensorRT; the published tensorrt-stubs are no valid Python."""
    from tests.trt import stubs  # which reads what this module installs

    if versions.installed(versions.FOR_TYPES):
        folder = stubs.stub_folder(versions.FOR_TYPES)
        shutil.copytree(folder, versions.FOLDER / "stubs", dirs_exist_ok=True)


def _python() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


if __name__ == "__main__":
    sys.exit(main())

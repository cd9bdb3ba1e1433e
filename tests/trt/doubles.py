"""A folder with a package `tensorrt` that pretends to be one version.

`python -m tests.trt.doubles VERSION` prints its path.

It is put in front on `sys.path`, or on PYTHONPATH for child processes, and knows nothing of this repository
but `rtseg`, which it takes ONNX Runtime and the table of operators from.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.trt import install, versions

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = Path(__file__).resolve().parent / "double"

DAY_S = 86400

PACKAGE = '''"""A double of TensorRT {version}; see tests/trt/double of rtseg."""

from pathlib import Path

from ._double.package import names

globals().update(names(Path(__file__).with_name("surface.json")))
del Path, names
'''


def double_folder(version: str) -> Path:
    """The folder to import `tensorrt` of this version from; made anew when the double has changed.

    Raises:
        NotAvailable: the version's bindings, whose surface the double has, cannot be had here.
    """
    surface = install.install(version) / "surface.json"
    folder = versions.FOLDER / "doubles" / f"{version}-{_fingerprint(surface)}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=folder.parent))
        _write(scratch, version, surface)
        try:
            scratch.rename(folder)
        except OSError:  # another process was quicker
            shutil.rmtree(scratch)
        _drop_outdated(folder, version)
    return folder


def environment(version: str, control: str = "", base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables for a child process that is to find the double, with `control` as in `double/control.py`."""
    found: dict[str, Any] = dict(os.environ if base is None else base)
    paths = [str(double_folder(version)), str(versions.ROOT), *filter(None, [found.get("PYTHONPATH")])]
    return found | {"PYTHONPATH": os.pathsep.join(paths), "TENSORRT_DOUBLE": control}


def _drop_outdated(folder: Path, version: str) -> None:
    """Remove doubles of the same version from earlier days, which no test that is running has in use."""
    for other in folder.parent.glob(f"{version}-*"):
        if other != folder and time.time() - other.stat().st_mtime > DAY_S:
            shutil.rmtree(other, ignore_errors=True)


def _write(folder: Path, version: str, surface: Path) -> None:
    package = folder / "tensorrt"
    shutil.copytree(SOURCE, package / "_double", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(surface, package / "surface.json")
    (package / "__init__.py").write_text(PACKAGE.format(version=version))
    information = folder / f"tensorrt-{version}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tensorrt\nVersion: {version}\n")
    (information / "RECORD").write_text("")


def _fingerprint(surface: Path) -> str:
    digest = hashlib.sha256(surface.read_bytes())
    for file in sorted(SOURCE.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


if __name__ == "__main__":
    print(double_folder(sys.argv[1]))

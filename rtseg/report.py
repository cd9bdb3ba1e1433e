"""Reports: what a command did, as JSON, and where it ran."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtseg.errors import OutputError, SinkFault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rtseg.model import Model

SCHEMA = 1
STANDARD_OUTPUT = "-"

_NUMBERS = re.compile(r"\[\n\s+(?:[-+.eE\d]+,\n\s+)*[-+.eE\d]+\n\s+\]")
"""No text of JSON holds a line's end, so this finds lists only."""


def environment(backend: str | None = None, backend_version: str | None = None) -> dict[str, str | None]:
    """Where a command ran; what is not known is None."""
    return {
        "rtseg": rtseg_version(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "gpu": gpu_name(),
        "backend": backend,
        "backend_version": backend_version,
        "commit": commit(),
    }


def model_facts(model: Model) -> dict[str, Any]:
    """What a report says of its model."""
    return {
        "name": model.name,
        "precision": model.precision,
        "sha256": model.sha256,
        "input": list(model.input_hw),
    }


def rtseg_version() -> str:
    """Version of the installed package; "unknown" when it runs from a folder that was never installed."""
    try:
        return version("rtseg")
    except PackageNotFoundError:
        return "unknown"


def cpu_name() -> str | None:
    """The processor's own name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or None
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else platform.machine()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def gpu_name() -> str | None:
    """Name of the first NVIDIA GPU, from nvidia-smi or, on Jetson, the device tree; None without one."""
    try:
        asked = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        return asked.stdout.strip().splitlines()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        pass
    try:
        board = Path("/proc/device-tree/model").read_text().strip("\0\n ")
    except OSError:
        return None
    return board if "NVIDIA" in board or "Jetson" in board else None


@cache
def commit() -> str | None:
    """The checkout's commit, with "+" where the package's files differ from it; None outside a checkout."""
    package = Path(__file__).resolve().parent
    if not (package.parent / ".git").exists():
        return None
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", str(package))
    except (OSError, subprocess.SubprocessError):
        return None
    return head + "+" * bool(changed)


def _git(*arguments: str) -> str:
    folder = Path(__file__).resolve().parent
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout.strip()


def check_writable(target: str) -> None:
    """Find out before a run whether its report can be written.

    Raises:
        OutputError: the folder does not exist, or `target` is a folder.
    """
    if target == STANDARD_OUTPUT:
        return
    path = Path(target)
    if path.is_dir():
        raise OutputError(
            f"{path}: this is a folder. Name a file for the report, for instance {path / 'run.json'}."
        )
    if not path.parent.is_dir():
        raise OutputError(f"{path.parent}: there is no such folder for the report. Make it first.")


def text_of(report: Mapping[str, Any]) -> str:
    """The report as JSON, a line an entry, but lists of numbers in one."""
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
    return _NUMBERS.sub(lambda found: re.sub(r"\s+", " ", found[0][1:-1]).strip().join("[]"), text) + "\n"


def write(report: Mapping[str, Any], target: str) -> None:
    """Write `report` as JSON to the file `target`, whole or not at all, or to standard output for "-".

    Raises:
        SinkFault: the file cannot be written.
    """
    text = text_of(report)
    if target == STANDARD_OUTPUT:
        sys.stdout.write(text)
        return
    path = Path(target)
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise SinkFault(f"{path}: the report cannot be written: {error.strerror}.") from error

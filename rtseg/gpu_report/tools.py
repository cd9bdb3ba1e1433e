"""What the system's own tools and files say of clocks, power and board."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from rtseg.gpu_report.redaction import without_identifying_lines

_PATIENCE_S = 20
_NVIDIA_SMI = ("nvidia-smi", "-q", "-d", "CLOCK,POWER,PERFORMANCE,TEMPERATURE,MEMORY,COMPUTE,UTILIZATION")
"""Only these sections: the others hold serial numbers and the names of other programs."""
_RELEASE = Path("/etc/nv_tegra_release")
_BOARD = Path("/proc/device-tree/model")
_DRIVER = Path("/proc/driver/nvidia/version")
_BUILDER = re.compile(r"\(\S*@\S*\)")
"""As the open kernel module, which many machines compile themselves, has it: (root@name-of-the-machine)."""


def nvidia_smi() -> str | None:
    """Clocks, power limit, throttle reasons, temperature and memory of all GPUs; None without the tool."""
    return said_by(*_NVIDIA_SMI)


def driver() -> str | None:
    """The kernel module's version line, without who built it; None where it has none, as on a Jetson."""
    text = _content(_DRIVER)
    return _BUILDER.sub("", text.splitlines()[0]).strip() if text else None


def jetson() -> dict[str, str] | None:
    """L4T release, board, JetPack and power mode of a Jetson; None on other machines."""
    release = _content(_RELEASE)
    if release is None:
        return None
    found = {
        "l4t_release": release.splitlines()[0] if release else "",
        "board": _content(_BOARD),
        "jetpack": said_by("dpkg-query", "--show", "--showformat=${Version}", "nvidia-jetpack"),
        "power_mode": said_by("nvpmodel", "-q"),
        "clocks": said_by("jetson_clocks", "--show"),  # only for root
    }
    return {name: text for name, text in found.items() if text}


def said_by(*command: str) -> str | None:
    """What a command prints, without what tells which machine it is; None if it is not there or fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_PATIENCE_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return without_identifying_lines(done.stdout).strip()


def _content(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip("\0\n ")
    except OSError:
        return None

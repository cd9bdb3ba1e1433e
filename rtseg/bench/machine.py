"""What a benchmark's figures belong to: CPU, GPU, power mode, versions, and how quiet the machine was."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from rtseg import report
from rtseg.gpu_report import tools
from rtseg.gpu_report.machine import libraries, memory_bytes, system

_CPUFREQ = Path("/sys/devices/system/cpu")
_BUSY = 0.5
"""Load a core above which the machine was not quiet."""


def machine_facts() -> dict[str, Any]:
    """What is to be known before a measurement, ready for JSON; what cannot be found out is None."""
    governors = {path.read_text().strip() for path in _CPUFREQ.glob("cpu[0-9]*/cpufreq/scaling_governor")}
    return {
        **report.environment(),
        "cores": report.cores(),
        "memory_bytes": memory_bytes(),
        "system": system(),
        "kernel": platform.release(),
        "governor": ", ".join(sorted(governors)) or None,
        "power_mode": power_mode(),
        "libraries": libraries(),
        "load_average": load_average(),
    }


def load_average() -> float | None:
    """How many threads wanted to run, on average of the last minute."""
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None


def power_mode() -> str | None:
    """The Jetson's power mode by nvpmodel, or the GPU's power limit; None where nobody tells."""
    jetson = tools.jetson()
    if jetson is not None:
        return jetson.get("power_mode", "").replace("\n", " ") or None
    limit = tools.said_by("nvidia-smi", "--query-gpu=power.limit", "--format=csv,noheader")
    return f"limit {limit.splitlines()[0]}" if limit else None


def noise(facts: dict[str, Any]) -> list[str]:
    """What of the machine, before anything is measured, makes figures doubtful; a line each."""
    load, cores = facts["load_average"], facts["cores"]
    lines = []
    if load is not None and load > _BUSY * cores:
        lines.append(
            f"the machine was busy before it began: load {load:g} on {cores} cores. End other programs"
        )
    if facts["governor"] not in (None, "performance"):
        lines.append(f"clocks are not held: the governor is {facts['governor']}; figures may depend on it")
    return lines

"""Clocks, temperatures and throttling while a measurement lasts, as far as the platform tells."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rtseg.gpu_report import tools

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CPU = Path("/sys/devices/system/cpu")
_HWMON = Path("/sys/class/hwmon")
_ZONES = Path("/sys/class/thermal")
_STAT = Path("/proc/stat")
_SMI = ("clocks.sm", "temperature.gpu", "power.draw", "clocks_throttle_reasons.active")
_SLOWED = 0x4 | 0x8 | 0x20 | 0x40 | 0x80
"""Of NVML's clock event reasons: power cap, slowdown by hardware, heat (by both), power brake."""
_PLAUSIBLE_C = (1, 150)
_EVERY_S = 1.0
_EVERY_WITH_TOOLS_S = 5.0
"""Tools are programs that are started, and cost the time that is measured."""

Reading = dict[str, float]
"""What was found at one instant, by name, with the unit at its end: cpu_mhz, gpu_c, input_w."""


class Readings:
    """Takes readings, no more often than is harmless; for one thread.

    Attributes:
        taken: instant, seconds on the monotonic clock, and what was read then.
    """

    def __init__(self) -> None:
        self.taken: list[tuple[float, Reading]] = []
        self._has_tools = bool(_from_nvidia_smi() or _from_tegrastats())
        self._stolen = _stolen()

    def take(self, *, now: bool = False) -> None:
        """Read everything, if it is time for it, or `now`."""
        instant = time.monotonic()
        every_s = _EVERY_WITH_TOOLS_S if self._has_tools else _EVERY_S
        if self.taken and not now and instant - self.taken[-1][0] < every_s:
            return
        reading = {**_clocks(), **_temperatures(), **_throttles(), **self._steal()}
        if self._has_tools:
            reading |= _from_nvidia_smi() or _from_tegrastats() or {}
        self.taken.append((instant, reading))

    def between(self, begin: float, end: float) -> Reading:
        """The mean of what was read between two instants; counts of throttling grow, so their increase."""
        readings = [reading for instant, reading in self.taken if begin <= instant <= end]
        names = dict.fromkeys(name for reading in readings for name in reading)
        return {
            name: _joined(name, [reading[name] for reading in readings if name in reading]) for name in names
        }

    def _steal(self) -> Reading:
        """The share of time that the hypervisor gave to others, since the last reading."""
        before, self._stolen = self._stolen, _stolen()
        if before is None or self._stolen is None or self._stolen[1] <= before[1]:
            return {}
        return {"stolen_percent": 100 * (self._stolen[0] - before[0]) / (self._stolen[1] - before[1])}


def _joined(name: str, values: Sequence[float]) -> float:
    return values[-1] - values[0] if name.endswith("_count") else sum(values) / len(values)


def _clocks() -> Reading:
    khz = [
        value
        for path in _CPU.glob("cpu[0-9]*/cpufreq/scaling_cur_freq")
        if (value := _number(path)) is not None
    ]
    if khz:
        return {"cpu_mhz": sum(khz) / len(khz) / 1000}
    try:
        found = re.findall(r"^cpu MHz\s*:\s*([\d.]+)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        return {}
    return {"cpu_mhz": sum(map(float, found)) / len(found)} if found else {}


def _temperatures() -> Reading:
    """The hottest of each kind of sensor, degrees Celsius."""
    hottest: Reading = {}
    sensors = [(_text(path.parent / "name"), path) for path in sorted(_HWMON.glob("hwmon*/temp*_input"))] or [
        (_text(path.parent / "type"), path) for path in sorted(_ZONES.glob("thermal_zone*/temp"))
    ]
    for kind, path in sensors:
        value = _number(path)
        if kind and value is not None and _PLAUSIBLE_C[0] < value / 1000 < _PLAUSIBLE_C[1]:
            name = f"{kind.removesuffix('-thermal').removesuffix('-therm').lower()}_c"
            hottest[name] = max(hottest.get(name, 0.0), value / 1000)
    return hottest


def _throttles() -> Reading:
    """How often the CPU's cores were slowed down for heat, since the machine started."""
    counts = [
        value
        for path in _CPU.glob("cpu[0-9]*/thermal_throttle/core_throttle_count")
        if (value := _number(path)) is not None
    ]
    return {"throttle_count": float(sum(counts))} if counts else {}


def _from_nvidia_smi() -> Reading | None:
    said = tools.said_by("nvidia-smi", f"--query-gpu={','.join(_SMI)}", "--format=csv,noheader,nounits")
    return reading_from_nvidia_smi(said.splitlines()[0]) if said else None


def reading_from_nvidia_smi(line: str) -> Reading:
    """What a line of `nvidia-smi --query-gpu` in the order of clocks, temperature, power, reasons tells."""
    values: Mapping[str, str] = dict(zip(_SMI, (part.strip() for part in line.split(",")), strict=False))
    reading = {}
    names = zip(_SMI, ("gpu_mhz", "gpu_c", "gpu_w"), strict=False)
    for key, name in names:
        try:
            reading[name] = float(values[key])
        except (KeyError, ValueError):
            continue
    reasons = values.get(_SMI[-1], "")
    if reasons.startswith("0x"):
        reading["gpu_throttled_percent"] = 100.0 * bool(int(reasons, 16) & _SLOWED)
    return reading


def _from_tegrastats() -> Reading | None:
    """A Jetson's own tool, which prints until it is ended."""
    try:
        with subprocess.Popen(
            ["tegrastats", "--interval", "100"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as tool:
            assert tool.stdout is not None
            line = tool.stdout.readline()
            tool.terminate()
    except OSError:
        return None
    return reading_from_tegrastats(line) if line else None


def reading_from_tegrastats(line: str) -> Reading:
    """What a line of tegrastats tells: clocks in MHz, temperatures in °C, power in W."""
    reading = {}
    cpu = re.search(r"CPU \[([^\]]*)\]", line)
    mhz = [float(found) for found in re.findall(r"%@(\d+)", cpu[1])] if cpu else []
    if mhz:
        reading["cpu_mhz"] = sum(mhz) / len(mhz)
    gpu = re.search(r"GR3D_FREQ \d+%@\[?(\d+)", line)
    if gpu:
        reading["gpu_mhz"] = float(gpu[1])
    for name, celsius in re.findall(r"(\w+)@(-?[\d.]+)C", line):
        if _PLAUSIBLE_C[0] < float(celsius) < _PLAUSIBLE_C[1]:
            reading[f"{name.lower()}_c"] = float(celsius)
    power = re.search(r"(?:VDD_IN|POM_5V_IN|VDD_SYS_\w+) (\d+)(?:mW)?/", line)
    if power:
        reading["input_w"] = float(power[1]) / 1000
    return reading


def _stolen() -> tuple[int, int] | None:
    """The machine's stolen and whole time, in ticks."""
    try:
        ticks = [int(word) for word in _STAT.read_text().splitlines()[0].split()[1:9]]
    except (OSError, ValueError, IndexError):
        return None
    return (ticks[7], sum(ticks)) if len(ticks) == 8 else None


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""

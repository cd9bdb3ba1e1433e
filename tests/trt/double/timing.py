"""ITimingCache: what the builder measured, for one version and one GPU."""

from __future__ import annotations

import json
from typing import Any

from . import device
from .control import CONTROL
from .memory import HostMemory
from .world import WORLD, Behaviour

MAGIC = b"timingdouble"


class TimingCache(Behaviour):
    """Behaviour of `ITimingCache`.

    Attributes:
        origin: version and GPU, as words.
        entries: what was measured, by layer.
    """

    path = "ITimingCache"

    def __init__(self, origin: str, entries: dict[str, float]) -> None:
        super().__init__()
        self.origin = origin
        self.entries = entries

    @classmethod
    def read(cls, content: bytes, logger: Any) -> TimingCache | None:
        """From bytes; none make a new one, and what is no timing cache gives None."""
        if not content:
            return cls(_here(), {})
        try:
            if not content.startswith(MAGIC):
                raise ValueError("magic tag does not match")
            found = json.loads(content[len(MAGIC) :])
            return cls(found["origin"], found["entries"])
        except ValueError as error:
            WORLD.refuse(logger, f"IBuilderConfig::createTimingCache: Error Code 1: Serialization ({error})")
            return None

    def fits(self) -> bool:
        return self.origin == _here() and not CONTROL.fails("timing_cache")

    def serialize(self) -> HostMemory:
        text = json.dumps({"origin": self.origin, "entries": self.entries}, sort_keys=True)
        return HostMemory(MAGIC + text.encode())

    def combine(self, input_cache: TimingCache, ignore_mismatch: bool) -> bool:
        if input_cache.origin != self.origin and not ignore_mismatch:
            return False
        self.entries |= input_cache.entries
        return True

    def reset(self) -> bool:
        self.entries.clear()
        return True


def _here() -> str:
    return f"TensorRT {WORLD.surface.version} on {device.gpu()}"

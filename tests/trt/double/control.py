"""What is to go wrong in the double, and how its device looks.

A test sets `tensorrt._double.control.CONTROL` in its own process, or the environment variable
TENSORRT_DOUBLE for child processes: comma-separated `fail=NAME`, `fail=NAME:AFTER` and `FIELD=VALUE`, as in

    TENSORRT_DOUBLE="fail=build_memory,workspace_needed=268435456,gpu=Orin/8.7"
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, field

VARIABLE = "TENSORRT_DOUBLE"

FAILURES = (
    "bad_plan", "wrong_version", "wrong_gpu", "parse", "build_memory", "context_memory", "engine_memory",
    "enqueue", "address", "shape", "timing_cache",
)  # fmt: skip
"""Names for `fail`; `bad_plan`, `wrong_version` and `wrong_gpu` are what deserialisation finds. A device that
breaks later, while it executes, is the emulator's to make."""


@dataclass(slots=True)
class Control:
    """What a test asks for.

    Attributes:
        fail: what fails, and after how many calls that do not.
        workspace_needed: bytes without which the builder finds no implementation for a node.
        build_seconds: how long a build takes at least.
        gpu: `NAME/CC` for a builder or runtime where no CUDA driver is in use; "" for none.
        dla_cores: how many the device has.
        threads: of each ONNX Runtime session.
        violations: what was done that TensorRT forbids and does not check; for a test to find empty.
    """

    fail: dict[str, int] = field(default_factory=dict)
    workspace_needed: int = 0
    build_seconds: float = 0.0
    gpu: str = ""
    dla_cores: int = 0
    threads: int = 1
    violations: list[str] = field(default_factory=list)

    def fails(self, name: str) -> bool:
        """Whether this call is to fail; counts it."""
        if name not in self.fail:
            return False
        left = self.fail[name]
        self.fail[name] = max(0, left - 1)
        return left == 0

    def reset(self) -> None:
        """Nothing goes wrong any more."""
        self.read("")

    def read(self, text: str) -> None:
        """Take the environment variable's words instead of what was asked for.

        Raises:
            ValueError: a word that is none of ours.
        """
        for part in dataclasses.fields(self):
            if part.default is not dataclasses.MISSING:
                setattr(self, part.name, part.default)
        self.fail.clear()
        self.violations.clear()
        for word in filter(None, text.split(",")):
            name, _, value = word.partition("=")
            if name == "fail":
                what, _, after = value.partition(":")
                if what not in FAILURES:
                    raise ValueError(f"{VARIABLE}: {what} is none of {', '.join(FAILURES)}")
                self.fail[what] = int(after or 0)
            elif name in ("workspace_needed", "dla_cores", "threads"):
                setattr(self, name, int(value))
            elif name == "build_seconds":
                self.build_seconds = float(value)
            elif name == "gpu":
                self.gpu = value
            else:
                raise ValueError(f"{VARIABLE}: no such word: {word}")


CONTROL = Control()
CONTROL.read(os.environ.get(VARIABLE, ""))

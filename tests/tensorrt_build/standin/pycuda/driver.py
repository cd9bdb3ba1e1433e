"""As much of pycuda as building needs, for a GPU that RTSEG_TEST_GPU names: NAME/MAJOR.MINOR, "" for none."""

from __future__ import annotations

import enum
import os


class Error(Exception):
    pass


class device_attribute(enum.Enum):  # noqa: N801  # pycuda's name
    INTEGRATED = 18


def init() -> None:
    if os.environ.get("RTSEG_TEST_GPU") == "broken":
        raise Error("cuInit failed: unknown error")


def get_driver_version() -> int:
    return 12040


class Context:
    """Aborts on what would abort with the real one: a pop without a push."""

    handle = 1

    def __init__(self) -> None:
        self.pushed = 0
        self.is_detached = False

    def push(self) -> None:
        self.pushed += 1

    def pop(self) -> None:
        self.pushed -= 1
        if self.pushed < 0:
            os.abort()

    def detach(self) -> None:
        """The real one does nothing in a thread where it is not current."""
        self.is_detached = self.pushed > 0
        self.pushed -= 1


class Device:
    def __init__(self, ordinal: int) -> None:
        assert ordinal == 0
        self.gpu_name, _, self.capability = os.environ["RTSEG_TEST_GPU"].partition("/")

    @staticmethod
    def count() -> int:
        return 1 if os.environ.get("RTSEG_TEST_GPU") else 0

    def name(self) -> str:
        return self.gpu_name

    def compute_capability(self) -> tuple[int, int]:
        major, _, minor = self.capability.partition(".")
        return int(major), int(minor)

    def total_memory(self) -> int:
        return 8 << 30

    def get_attribute(self, attribute: device_attribute) -> int:
        assert attribute is device_attribute.INTEGRATED
        return int(self.gpu_name == "Orin")

    def retain_primary_context(self) -> Context:
        return Context()

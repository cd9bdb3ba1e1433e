"""IHostMemory: bytes that TensorRT owns, to be read through the buffer protocol."""

from __future__ import annotations

from typing import Any

from .world import WORLD, Behaviour


class HostBytes(bytes):
    """What `IHostMemory` derives from: only so can a Python class lend its memory before Python 3.12.

    Of what bytes can do, nothing else is left: the real one has no length, no index and no methods of bytes.
    """

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name not in WORLD.surface.classes["IHostMemory"].names:
            raise AttributeError(f"'tensorrt.IHostMemory' object has no attribute {name!r}")
        return super().__getattribute__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            raise AttributeError(f"'tensorrt.IHostMemory' object has no attribute {name!r}")
        super().__setattr__(name, value)

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__
    __repr__ = __str__ = object.__repr__
    __len__ = __getitem__ = __iter__ = __contains__ = __add__ = __mod__ = None  # type: ignore[assignment]


class HostMemory(Behaviour):
    """Behaviour of `IHostMemory`."""

    path = "IHostMemory"

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.face_arguments = (content,)
        self.nbytes = len(content)
        self.dtype = WORLD.enum("DataType", "INT8")

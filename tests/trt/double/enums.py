"""Enums as pybind11 makes them: no integers, equal to nothing but themselves, yet convertible."""

from __future__ import annotations

from typing import Any


class EnumType(type):
    """So that `__members__` is an attribute of the class alone."""

    @property
    def __members__(cls) -> dict[str, Any]:
        return dict(cls._entries)


class Enum(metaclass=EnumType):
    """Base of all enums. `1 << BuilderFlag.X` is a TypeError; `int(BuilderFlag.X)` is not."""

    __slots__ = ("_value",)
    _entries: dict[str, Any] = {}  # noqa: RUF012  # each enum has its own

    def __init__(self, value: int) -> None:
        object.__setattr__(self, "_value", int(value))

    @property
    def name(self) -> str:
        return next((name for name, member in self._entries.items() if member._value == self._value), "???")

    @property
    def value(self) -> int:
        return self._value

    def __int__(self) -> int:
        return self._value

    __index__ = __int__

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"can't set attribute {name!r} of {self!r}")

    def __str__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    def __repr__(self) -> str:
        return f"<{self}: {self._value}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._value,)


def make_enum(path: str, members: dict[str, int], extra: dict[str, Any]) -> type[Enum]:
    """A class for the enum at `path`, with its members as attributes."""
    name = path.rpartition(".")[2]
    kind = EnumType(name, (Enum,), {"__slots__": (), "__qualname__": path, "__module__": "tensorrt", **extra})
    kind._entries = {member: kind(number) for member, number in members.items()}
    for member, value in kind._entries.items():
        setattr(kind, member, value)
    return kind

"""Dims: a shape of at most eight dimensions, which compares to tuples and lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .world import WORLD, Behaviour

if TYPE_CHECKING:
    from collections.abc import Sequence


class Dims(Behaviour):
    """Behaviour of `Dims`."""

    path = "Dims"
    MAX_DIMS = 8

    def __init__(self, shape: Sequence[int] = ()) -> None:
        super().__init__()
        if len(shape) > self.MAX_DIMS:
            raise ValueError(f"Input length {len(shape)} exceeds max expected length {self.MAX_DIMS}")
        self.values = [int(value) for value in shape]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int | slice) -> Any:
        found = self.values[index]
        return tuple(found) if isinstance(index, slice) else found

    def __setitem__(self, index: int | slice, value: Any) -> None:
        self.values[index] = list(value) if isinstance(index, slice) else value

    def __str__(self) -> str:
        return str(tuple(self.values))


def dims(shape: Sequence[int]) -> Any:
    """A `Dims` for the outside."""
    return WORLD.face(Dims(shape))

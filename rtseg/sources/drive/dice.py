"""Chance without a generator: a draw is an integer hash of what it is for, so it is the same everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

T = TypeVar("T")

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15
_MIX_A = 0xBF58476D1CE4E5B9
_MIX_B = 0x94D049BB133111EB


def _mixed(x: int) -> int:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
    x = (x + _GAMMA) & _MASK
    x = ((x ^ (x >> 30)) * _MIX_A) & _MASK
    x = ((x ^ (x >> 27)) * _MIX_B) & _MASK
    return x ^ (x >> 31)


def hashed(*keys: int | str) -> int:
    """One 64-bit number from any integers and words."""
    state = 0
    for key in keys:
        number = int.from_bytes(key.encode(), "little") if isinstance(key, str) else key
        while True:
            state = _mixed(state ^ (number & _MASK))
            number >>= 64
            if number in (0, -1):
                break
    return state


def hashed_grid(shape: tuple[int, int], *keys: int | str) -> NDArray[np.uint8]:
    """White noise: uint8 of `shape`, a function of shape and keys only."""
    words = -(-shape[0] * shape[1] // 8)
    x = np.arange(words, dtype=np.uint64) + np.uint64(hashed(*keys) >> 1)
    x *= np.uint64(_GAMMA)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_MIX_A)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_MIX_B)
    x ^= x >> np.uint64(31)
    # Little-endian bytes, whatever the machine: the picture must not depend on it.
    flat: NDArray[np.uint8] = x.astype("<u8").view(np.uint8)
    return flat[: shape[0] * shape[1]].reshape(shape)


class Dice:
    """Draws for one thing, named by its keys; the n-th draw is always the same."""

    __slots__ = ("_state",)

    def __init__(self, *keys: int | str) -> None:
        self._state = hashed(*keys)

    def unit(self) -> float:
        """A number in [0, 1)."""
        self._state = (self._state + _GAMMA) & _MASK
        return (_mixed(self._state) >> 11) / (1 << 53)

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self.unit()

    def below(self, count: int) -> int:
        """One of 0 … count - 1."""
        return int(self.unit() * count)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.unit() < probability

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices."""
        return choices[self.below(len(choices))]

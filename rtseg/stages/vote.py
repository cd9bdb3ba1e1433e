"""Two label maps of one frame, made one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

_WINDOW = (3, 3)
_IDS = 256


class Vote:
    """Lets two label maps vote on every pixel, and the pixels around it with them.

    Where labels were moved, their edges are rounded to pixels, each map's in its own way: a vote of a
    neighbourhood smooths that, and does not tear a thing of which each map knows a part. Keeps the memory
    that it takes. Owned by one thread.
    """

    def __init__(self) -> None:
        self._shape = (0, 0)
        self._solid: dict[int, Bytes] = {}

    def merged(self, one: Bytes, other: Bytes, share: Bytes) -> Bytes:
        """Choose a class for every pixel.

        Args:
            one: class ids, (H, W).
            other: the same of the other map.
            share: how much the first map counts at each pixel, 0…255 of 255, (H, W).

        Returns:
            Class ids, (H, W), the caller's own. Of two classes with equal votes the lower id.
        """
        if self._shape != one.shape:
            self._shape, self._solid = one.shape, {}
        rest = cv2.bitwise_not(share)
        first, *others = _ids_in(one, other)
        chosen = self._all(first).copy()
        most = _votes(first, one, other, share, rest) if others else None
        for id_ in others:
            votes = _votes(id_, one, other, share, rest)
            cv2.copyTo(self._all(id_), cv2.compare(votes, most, cv2.CMP_GT), chosen)
            cv2.max(most, votes, dst=most)
        return np.asarray(chosen, np.uint8)

    def _all(self, id_: int) -> Bytes:
        """A map that has this class everywhere."""
        if id_ not in self._solid:
            self._solid[id_] = np.full(self._shape, id_, np.uint8)
        return self._solid[id_]


def _votes(id_: int, one: Bytes, other: Bytes, share: Bytes, rest: Bytes) -> Bytes:
    """How many votes a class gets at each pixel."""
    of_one = cv2.bitwise_and(cv2.compare(one, id_, cv2.CMP_EQ), share)
    of_other = cv2.bitwise_and(cv2.compare(other, id_, cv2.CMP_EQ), rest)
    return np.asarray(cv2.GaussianBlur(cv2.add(of_one, of_other), _WINDOW, 0), np.uint8)


def _ids_in(*maps: Bytes) -> list[int]:
    counts = sum(cv2.calcHist([one], [0], None, [_IDS], [0, _IDS]) for one in maps)
    return [int(id_) for id_ in np.flatnonzero(counts)]

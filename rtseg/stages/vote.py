"""Two label maps of one frame, made one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

_WINDOW = (3, 3)
_REACH = 1
"""Pixels by which the window reaches beyond its middle."""
_BAND_ROWS = 90
"""A band of rows lies in the processor's cache, and few classes are in it."""
_IDS = 256


def merged(one: Bytes, other: Bytes, share: Bytes) -> Bytes:
    """Let two label maps vote on every pixel, and the pixels around it with them.

    Where labels were moved, their edges are rounded to pixels, each map's in its own way: a vote of a
    neighbourhood smooths that, and does not tear a thing of which each map knows a part.

    Args:
        one: class ids, (H, W).
        other: the same of the other map.
        share: how much the first map counts at each pixel, 0…255 of 255, (H, W).

    Returns:
        Class ids, (H, W), the caller's own. Of two classes with equal votes the lower id.
    """
    chosen = np.empty_like(one)
    for top in range(0, len(one), _BAND_ROWS):
        begin = max(0, top - _REACH)
        band = slice(begin, top + _BAND_ROWS + _REACH)
        inside = slice(top - begin, top - begin + _BAND_ROWS)
        chosen[top : top + _BAND_ROWS] = _elected(one[band], other[band], share[band])[inside]
    return chosen


def _elected(one: Bytes, other: Bytes, share: Bytes) -> Bytes:
    """For every pixel the class with the most votes."""
    first, *others = _ids_in(one, other)
    elected = np.full_like(one, first)
    if not others:
        return elected
    rest = cv2.bitwise_not(share)
    most = _votes(elected, one, other, share, rest)
    candidate = np.empty_like(one)
    for id_ in others:
        candidate.fill(id_)
        votes = _votes(candidate, one, other, share, rest)
        has_more = cv2.compare(votes, most, cv2.CMP_GT)
        cv2.copyTo(candidate, has_more, elected)  # a tenth of what np.putmask takes
        cv2.max(most, votes, dst=most)
    return elected


def _votes(candidate: Bytes, one: Bytes, other: Bytes, share: Bytes, rest: Bytes) -> Bytes:
    """How many votes a class gets at each pixel; its id as a map: a number takes twice as long to compare."""
    of_one = cv2.bitwise_and(cv2.compare(one, candidate, cv2.CMP_EQ), share)
    of_other = cv2.bitwise_and(cv2.compare(other, candidate, cv2.CMP_EQ), rest)
    return np.asarray(cv2.GaussianBlur(cv2.add(of_one, of_other), _WINDOW, 0), np.uint8)


def _ids_in(*maps: Bytes) -> list[int]:
    """Who stands for election. What no second row has is one pixel high, and would hardly be elected."""
    counts = sum(cv2.calcHist([one[::2]], [0], None, [_IDS], [0, _IDS]) for one in maps)
    return [int(id_) for id_ in np.flatnonzero(counts)]

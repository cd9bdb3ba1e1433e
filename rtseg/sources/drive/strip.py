"""The frame's number as a row of dark and light blocks at the bottom of the picture.

Two blocks for light and dark, 24 bits of the number, 12 bits of a checksum; in several rows where the picture
is narrow. Read back by the widest gap between the blocks' means, so it survives compression and an overlay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rtseg.sources.drive.classes import VOID

if TYPE_CHECKING:
    from numpy.typing import NDArray

NUMBER_BITS, CHECK_BITS = 24, 12
BLOCKS = 2 + NUMBER_BITS + CHECK_BITS
SMALLEST_BLOCK_PX = 8
DARK, LIGHT = 28, 226
SMALLEST_GAP = 16
"""Grey levels between the darkest light block and the lightest dark one; less is no strip."""


def _check(number: int) -> int:
    """CRC-12 (polynomial 0x80F), beginning with all ones so that a black picture does not read as 0."""
    crc = 0xFFF
    for bit in range(NUMBER_BITS - 1, -1, -1):
        crc ^= ((number >> bit) & 1) << 11
        crc = ((crc << 1) ^ 0x80F) & 0xFFF if crc & 0x800 else crc << 1
    return crc


def bits_of(number: int) -> list[bool]:
    """The blocks of a number, light ones true: one of each kind, the number, the checksum."""
    word = (number << CHECK_BITS) | _check(number)
    length = NUMBER_BITS + CHECK_BITS
    return [True, False, *(bool((word >> bit) & 1) for bit in range(length - 1, -1, -1))]


def _places(width: int, height: int) -> list[tuple[slice, slice]]:
    """Rows and columns of each block."""
    wide = max(SMALLEST_BLOCK_PX, width // (BLOCKS + 2))
    tall = max(SMALLEST_BLOCK_PX, height // 60)
    columns = min(BLOCKS, width // wide)
    rows = -(-BLOCKS // columns)
    top = height - rows * tall
    return [
        (
            slice(top + k // columns * tall, top + (k // columns + 1) * tall),
            slice(k % columns * wide, (k % columns + 1) * wide),
        )
        for k in range(BLOCKS)
    ]


def paint_strip(image_rgb: NDArray[np.uint8], labels: NDArray[np.uint8], index: int) -> None:
    """Write `index` (modulo 2**24) into the picture and void into the labels, in place."""
    height, width = labels.shape
    for place, bit in zip(_places(width, height), bits_of(index % (1 << NUMBER_BITS)), strict=True):
        image_rgb[place] = LIGHT if bit else DARK
        labels[place] = VOID


def number_from_strip(image: NDArray[np.uint8]) -> int | None:
    """Read a frame's number back.

    Args:
        image: uint8, (H, W) grey or luma, or (H, W, 3); of the size that was rendered.

    Returns:
        The number, or None where there is none to be read.
    """
    height, width = image.shape[:2]
    if width < SMALLEST_BLOCK_PX:
        return None
    places = _places(width, height)
    if places[0][0].start < 0:
        return None
    means = np.array([_middle(image[place]) for place in places])
    order = np.sort(means)
    gaps = np.diff(order)
    widest = int(gaps.argmax())
    if gaps[widest] < SMALLEST_GAP:
        return None
    bits = means > order[widest]
    word = 0
    for bit in bits[2:]:
        word = word << 1 | int(bit)
    number = word >> CHECK_BITS
    if not bits[0] or bits[1] or _check(number) != word & ((1 << CHECK_BITS) - 1):
        return None
    return number


def _middle(block: NDArray[np.uint8]) -> float:
    """The mean without the border, where compression smears."""
    return float(block[2:-2, 2:-2].mean())

"""Textures: pixels with a class each, in several sizes, and the noise that they are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rtseg.sources.drive.dice import hashed_grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

Rgb = tuple[int, int, int]

CLEAR = 255
"""The class of a texel that is not there: what lies behind it shows."""


@dataclass(frozen=True, slots=True)
class Level:
    """One size of a texture.

    Attributes:
        packed: uint32, (rows + 2) * columns, a word a texel (R, G, B, class as bytes). A clear row lies
            before the first and after the last, so that a clamped row index needs no mask.
        rows: without the clear ones.
        columns: texels in a row.
    """

    packed: NDArray[np.uint32]
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Texture:
    """A picture to put on a wall; level n is 2**n times smaller than level 0."""

    levels: tuple[Level, ...]
    mean_rgb: Rgb
    label: int
    solid: bool


def texture_from_image(rgbl: Image, levels: int = 4) -> Texture:
    """Make a texture of uint8 (H, W, 4): R, G, B, class or CLEAR; 2**(levels - 1) divides H and W."""
    opaque = rgbl[rgbl[..., 3] != CLEAR]
    mean = opaque[:, :3].astype(np.int64).sum(0) // len(opaque)
    sizes = [_level(rgbl)]
    for _ in range(levels - 1):
        rgbl = halved(rgbl)
        sizes.append(_level(rgbl))
    solid = len(opaque) == sizes[0].rows * sizes[0].columns
    label = int(np.bincount(opaque[:, 3]).argmax())
    return Texture(tuple(sizes), (int(mean[0]), int(mean[1]), int(mean[2])), label, solid)


def _level(rgbl: Image) -> Level:
    rows, columns = rgbl.shape[:2]
    padded = np.full((rows + 2, columns, 4), CLEAR, np.uint8)
    padded[1:-1] = rgbl
    return Level(padded.reshape(-1, 4).view(np.uint32).ravel(), rows, columns)


def halved(rgbl: Image) -> Image:
    """Half the size: colours averaged; a texel is there if half of its four parents are."""
    parents = [rgbl[row::2, column::2] for row in (0, 1) for column in (0, 1)]
    out = np.empty_like(parents[0])
    there = [(parent[..., 3] != CLEAR).astype(np.uint16) for parent in parents]
    count = there[0] + there[1] + there[2] + there[3]
    # Where all four are clear the colour does not matter; it must only not divide by nothing.
    divisor = np.maximum(count, 1)[..., None]
    total = np.zeros((*out.shape[:2], 3), np.uint16)
    for parent, weight in zip(parents, there, strict=True):
        total += parent[..., :3] * weight[..., None]
    out[..., :3] = total // divisor
    label = np.minimum.reduce([parent[..., 3] for parent in parents])
    out[..., 3] = np.where(count >= 2, label, CLEAR)
    return out


def smooth_noise(shape: tuple[int, int], cell: int | tuple[int, int], *keys: int | str) -> NDArray[np.int32]:
    """Value noise: white noise on a grid of `cell` texels (rows, columns), interpolated; 0…255. It tiles."""
    cell_rows, cell_columns = (cell, cell) if isinstance(cell, int) else cell
    grid_shape = (max(1, shape[0] // cell_rows), max(1, shape[1] // cell_columns))
    grid = hashed_grid(grid_shape, *keys).astype(np.int32)
    across: NDArray[np.int32] = _stretched(_stretched(grid, shape[0]).T, shape[1]).T
    return across


def _stretched(grid: NDArray[np.int32], size: int) -> NDArray[np.int32]:
    """Rows of `grid` interpolated to `size` rows, the last leading back to the first."""
    count = grid.shape[0]
    at = np.arange(size, dtype=np.int64) * count * 256 // size
    first, part = at >> 8, (at & 255).astype(np.int32)[:, None]
    # 3t² - 2t³ in 8-bit fixed point: without it the cells show as creases.
    ease = (part * part * (768 - 2 * part)) >> 16
    between: NDArray[np.int32] = (grid[first] * (256 - ease) + grid[(first + 1) % count] * ease) >> 8
    return between


def rough_noise(shape: tuple[int, int], cell: int, octaves: int, *keys: int | str) -> NDArray[np.int32]:
    """Smooth noise of halving cells, each half as strong; 0…255."""
    total = np.zeros(shape, np.int32)
    for octave in range(octaves):
        total += smooth_noise(shape, max(1, cell >> octave), octave, *keys) >> (octave + 1)
    return total


def coarse_noise(shape: tuple[int, int], cell: int, octaves: int, *keys: int | str) -> NDArray[np.int32]:
    """Rough noise in squares of 4 texels: much quicker, and as good where finer noise lies over it."""
    small = rough_noise((shape[0] // 4, shape[1] // 4), cell // 4, octaves, *keys)
    return np.repeat(np.repeat(small, 4, axis=0), 4, axis=1)


def fine_noise(shape: tuple[int, int], cell: tuple[int, int], *keys: int | str) -> NDArray[np.int32]:
    """White noise in plain cells of (rows, columns) texels; 0…255."""
    small = hashed_grid((-(-shape[0] // cell[0]), -(-shape[1] // cell[1])), *keys).astype(np.int32)
    return np.repeat(np.repeat(small, cell[0], axis=0), cell[1], axis=1)[: shape[0], : shape[1]]


def speckled(rgb: Rgb, noise: NDArray[np.int32], strength: int) -> NDArray[np.int32]:
    """A colour, lighter and darker by noise 0…255, at most by strength/256 of itself; int32 (H, W, 3)."""
    factor = 256 + (((noise - 128) * strength) >> 7)
    out = np.empty((*noise.shape, 3), np.int32)
    for channel in range(3):
        np.multiply(factor, rgb[channel], out=out[..., channel])
    out >>= 8
    return out


def to_bytes(colours: NDArray[np.int32]) -> Image:
    """Clipped to 0…255."""
    return np.clip(colours, 0, 255).astype(np.uint8)


def blank(rows: int, columns: int, rgb: Rgb, label: int) -> Image:
    """A canvas of one colour and class, uint8 (rows, columns, 4)."""
    canvas = np.empty((rows, columns, 4), np.uint8)
    canvas[:] = (*rgb, label)
    return canvas


def scaled(rgb: Rgb, factor: float) -> Rgb:
    """A colour, lighter or darker, clipped."""
    return (
        min(255, int(rgb[0] * factor)),
        min(255, int(rgb[1] * factor)),
        min(255, int(rgb[2] * factor)),
    )

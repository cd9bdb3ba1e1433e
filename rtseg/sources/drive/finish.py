"""From painted surfaces to what a camera would give: softness, exposure, grain."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtseg.sources.drive.dice import Dice, hashed, hashed_grid
from rtseg.sources.drive.path import wave

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rtseg.sources.drive.light import Light

GRAIN_EXTRA = 64
"""The grain's tile is larger than the picture by this; each frame takes another part of it."""


def finished(
    image_rgb: NDArray[np.uint8], light: Light, seed: int, seconds: float, index: int
) -> NDArray[np.uint8]:
    """A new image, uint8 (H, W, 3): the lens softens edges, the sensor exposes and adds noise."""
    exposed: NDArray[np.uint8] = cv2.LUT(_softened(image_rgb), _exposure(light, seed, seconds))
    height, width = exposed.shape[:2]
    lighter, darker = _grain(seed, width, height, light.grain)
    top, left = hashed(seed, "grain", index) % GRAIN_EXTRA, hashed(seed, "grain", index, 1) % GRAIN_EXTRA
    part = (slice(top, top + height), slice(left, left + width))
    cv2.add(exposed, lighter[part], dst=exposed)
    cv2.subtract(exposed, darker[part], dst=exposed)
    return exposed


def _softened(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each pixel averaged with its neighbours, 1-2-1 in both directions, in bytes only."""
    wide: NDArray[np.uint8] = image.copy()
    wide[:, 1:-1] = _mean(_mean(image[:, :-2], image[:, 2:]), image[:, 1:-1])
    tall: NDArray[np.uint8] = wide.copy()
    tall[1:-1] = _mean(_mean(wide[:-2], wide[2:]), wide[1:-1])
    return tall


def _mean(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(a + b) / 2 without leaving bytes."""
    out: NDArray[np.uint8] = a ^ b
    out >>= 1
    out += a & b
    return out


def _exposure(light: Light, seed: int, seconds: float) -> NDArray[np.uint8]:
    """The sensor's curve with the tint of the light, uint8 (1, 256, 3); brightness drifts along the way."""
    drift = 1.0 + 0.10 * wave(seconds / 21.0 + Dice(seed, "exposure").unit())
    level = np.arange(256, dtype=np.int64)
    # A gentle S: contrast in the middle, no hard clipping at the ends.
    curve = (level * level * (765 - 2 * level)) // 65025
    mixed = (level * 3 + curve) // 4
    out = np.empty((1, 256, 3), np.uint8)
    for channel in range(3):
        gain = int(light.tint[channel] * drift)
        out[0, :, channel] = np.clip((mixed * gain) >> 8, 0, 255)
    return out


@lru_cache(maxsize=4)
def _grain(seed: int, width: int, height: int, strength: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """What is added and what is taken away, uint8 (H + GRAIN_EXTRA, W + GRAIN_EXTRA, 3)."""
    shape = (height + GRAIN_EXTRA, width + GRAIN_EXTRA)
    one = hashed_grid(shape, seed, "grain one").astype(np.int16)
    two = hashed_grid(shape, seed, "grain two").astype(np.int16)
    grain = ((one + two - 255) * strength) >> 8
    lighter, darker = np.maximum(grain, 0).astype(np.uint8), np.maximum(-grain, 0).astype(np.uint8)
    return np.repeat(lighter[..., None], 3, axis=2), np.repeat(darker[..., None], 3, axis=2)

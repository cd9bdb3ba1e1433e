"""Random views of a labelled image: a crop, things pasted in, other light; all by the given generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    LabelledImage = tuple[NDArray[np.uint8], ...]
    """RGB (H, W, 3), class ids (H, W), if there are teachers their opinion (⌈H/4⌉, ⌈W/4⌉, classes); uint8."""

OPINION_STRIDE = 4
"""Pixels of a frame, along each side, that share an opinion of the teachers."""

TARGET_REACH = 0.4
"""How far from a view's centre its target may lie, as a share of the view's width and height."""

PASTE_BLUR = 0.7
"""Standard deviation of the blur of a pasted thing's outline, pixels."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far a view may differ from its image.

    Attributes:
        crop_hw: height and width of the view, pixels.
        scale: smallest and largest enlargement, drawn log-uniformly.
        rotation_deg: largest tilt, either way.
        light: largest relative change of brightness, contrast and saturation.
        hue: largest relative change of each colour channel's gain.
        spoilt_share: share of the views with the noise of a sensor or the blocks of JPEG.
        cutout_share: share of the views in which a rectangle is grey, and labelled all the same.
        rare_share: share of the views that are laid over a pixel of a rare class, where the frame has one.
        paste_share: share of the views into which things of another frame are pasted.
        pasted: names of the classes that are pasted: rare, and not seen through as a fence is.
    """

    crop_hw: tuple[int, int] = (320, 416)
    scale: tuple[float, float] = (0.6, 2.0)
    rotation_deg: float = 4.0
    light: float = 0.3
    hue: float = 0.1
    spoilt_share: float = 0.0
    cutout_share: float = 0.0
    rare_share: float = 0.5
    paste_share: float = 0.4
    pasted: tuple[str, ...] = ("pole", "sign", "pedestrian", "bicyclist")


def crop_of(size_hw: tuple[int, int]) -> tuple[int, int]:
    """Height and width of views of frames of a size where nothing else is said: eight ninths, or less."""
    height, width = (max(32, side * 8 // 9 // 16 * 16) for side in size_hw)
    return height, width


def random_view(
    frame: LabelledImage,
    augmentation: Augmentation,
    void_id: int,
    rng: np.random.Generator,
    rare: Sequence[int] = (),
    donor: LabelledImage | None = None,
    pasted: Sequence[int] = (),
) -> LabelledImage:
    """A random crop of `frame`, scaled, tilted, mirrored and relit; with things of `donor` in it, if any.

    Outside the frame the labels are void and the pixels mid-grey. `rare` are ids of classes; see
    `Augmentation.rare_share`. `pasted` are the ids of what is taken from `donor`, a frame of the same
    size; it stays where it was in the picture, so that pedestrians do not end up in the sky.
    """
    targets = rare if rng.random() < augmentation.rare_share else ()
    aimed_at = frame if donor is None else donor
    matrix = _random_affine(frame[1].shape, _rare_pixel(aimed_at[1], targets, rng), augmentation, rng)
    image, *truth = _warped(frame, matrix, augmentation.crop_hw, void_id)
    if donor is not None:
        image, *truth = _pasted(
            (image, *truth), _warped(donor, matrix, augmentation.crop_hw, void_id), pasted
        )
    image = _relit(image, augmentation, rng)
    if _by_chance(augmentation.cutout_share, rng):
        _cut_out(image, rng)
    return _spoilt(image, rng) if _by_chance(augmentation.spoilt_share, rng) else image, *truth


def _by_chance(share: float, rng: np.random.Generator) -> bool:
    """Whether to, in `share` of all cases; where it never is, no number is drawn."""
    return share > 0 and rng.random() < share


def _warped(
    frame: LabelledImage, matrix: NDArray[np.float64], crop_hw: tuple[int, int], void_id: int
) -> LabelledImage:
    image, labels, *opinions = frame
    height, width = crop_hw
    view = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=(127, 127, 127))
    ids = cv2.warpAffine(labels, matrix, (width, height), flags=cv2.INTER_NEAREST, borderValue=void_id)
    moved = [_warped_opinion(opinion, matrix, crop_hw) for opinion in opinions]
    return np.asarray(view, np.uint8), np.asarray(ids, np.uint8), *moved


def _warped_opinion(
    opinion: NDArray[np.uint8], matrix: NDArray[np.float64], crop_hw: tuple[int, int]
) -> NDArray[np.uint8]:
    """The same as on the image, a place for four pixels a side; zeros come from beyond the frame."""
    linear, centre = matrix[:, :2], np.full(2, (OPINION_STRIDE - 1) / 2)
    shift = (matrix[:, 2] + linear @ centre - centre) / OPINION_STRIDE
    height, width = (-(-side // OPINION_STRIDE) for side in crop_hw)
    planes = [  # OpenCV warps no more than four channels
        cv2.warpAffine(plane, np.column_stack([linear, shift]), (width, height), flags=cv2.INTER_LINEAR)
        for plane in cv2.split(opinion)
    ]
    return np.asarray(cv2.merge(planes), np.uint8)


def _pasted(view: LabelledImage, donor: LabelledImage, classes: Sequence[int]) -> LabelledImage:
    """`view` with the pixels of `donor` that are of `classes`, softened where they are cut out.

    A hard cut would be something to recognise pasted things by (Ghiasi et al. 2021, for instances).
    """
    mask = np.isin(donor[1], np.asarray(classes, np.uint8))
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), PASTE_BLUR)[..., None]
    image = np.rint(view[0] + alpha * (donor[0].astype(np.float32) - view[0])).astype(np.uint8)
    opinions = [_blended(*pair, mask) for pair in zip(view[2:], donor[2:], strict=True)]
    return image, np.where(mask, donor[1], view[1]), *opinions


def _blended(
    below: NDArray[np.uint8], above: NDArray[np.uint8], mask: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Two opinions, the one `above` with the share that `mask`, of the image's size, has of each place."""
    height, width = below.shape[:2]
    share = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)[..., None]
    return np.asarray(np.rint(below + share * (above.astype(np.float32) - below)), np.uint8)


def _rare_pixel(
    labels: NDArray[np.uint8], rare: Sequence[int], rng: np.random.Generator
) -> tuple[int, int] | None:
    """Column and row of a random pixel of a random class among `rare`; None if the frame has none of them."""
    counts = np.bincount(labels.ravel(), minlength=256)
    present = np.array([label for label in rare if counts[label]], np.uint8)
    if present.size == 0:
        return None
    rows, columns = np.nonzero(labels == rng.choice(present))
    pick = rng.integers(len(rows))
    return int(columns[pick]), int(rows[pick])


def _random_affine(
    image_hw: tuple[int, ...],
    target_xy: tuple[int, int] | None,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """The 2×3 matrix that takes image coordinates to view coordinates, with `target_xy` in the view."""
    low, high = np.log(augmentation.scale)
    scale = float(np.exp(rng.uniform(low, high)))
    tilt = np.deg2rad(rng.uniform(-augmentation.rotation_deg, augmentation.rotation_deg))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    linear = scale * np.array([[np.cos(tilt) * mirror, -np.sin(tilt)], [np.sin(tilt) * mirror, np.cos(tilt)]])
    (image_h, image_w), (crop_h, crop_w) = image_hw, augmentation.crop_hw
    target_x, target_y = target_xy or (None, None)
    centre = np.array(
        [
            _random_centre(image_w, crop_w / scale, target_x, rng),
            _random_centre(image_h, crop_h / scale, target_y, rng),
        ]
    )
    view_centre = np.array([crop_w / 2, crop_h / 2])
    return np.column_stack([linear, view_centre - linear @ centre])


def _random_centre(length: int, window: float, target: int | None, rng: np.random.Generator) -> float:
    """Centre of a window within `length`, around `target` if there is one.

    A window that is longer than `length` covers all of it at a random place.
    """
    slack = abs(length - window) / 2
    lowest, highest = length / 2 - slack, length / 2 + slack
    if target is None:
        return float(rng.uniform(lowest, highest))
    reach = TARGET_REACH * window
    return float(np.clip(target + rng.uniform(-reach, reach), lowest, highest))


def _relit(
    image: NDArray[np.uint8], augmentation: Augmentation, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Other contrast, brightness, saturation, colour cast and gamma; now and then blurred."""
    brightness, contrast, saturation = rng.uniform(1 - augmentation.light, 1 + augmentation.light, 3)
    gain = rng.uniform(1 - augmentation.hue, 1 + augmentation.hue, 3)
    gamma = np.exp(rng.uniform(-augmentation.light, augmentation.light))
    level = np.arange(256, dtype=np.float64) / 255
    curve = ((level**gamma - 0.5) * contrast + 0.5) * brightness
    table = np.clip(curve[:, None] * gain * 255, 0, 255).astype(np.uint8)  # (256, 3)
    relit = np.asarray(cv2.LUT(image, table[None]), np.uint8)
    grey = cv2.cvtColor(cv2.cvtColor(relit, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    relit = cv2.addWeighted(relit, float(saturation), grey, float(1 - saturation), 0)
    if rng.random() < 0.2:
        relit = cv2.GaussianBlur(relit, (0, 0), float(rng.uniform(0.3, 1.2)))
    return np.asarray(relit, np.uint8)


def _cut_out(image: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Make a rectangle of an eighth to a third of each side grey, in place (DeVries & Taylor 2017)."""
    (top, height), (left, width) = (
        (int(rng.integers(length)), round(length * rng.uniform(1 / 8, 1 / 3))) for length in image.shape[:2]
    )
    image[top : top + height, left : left + width] = 127


def _spoilt(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Noise of up to 25 levels, finer or coarser than pixels, or JPEG at a quality of 8 to 50."""
    if rng.random() < 0.5:
        return compressed(image, int(rng.integers(8, 51)))
    grain, size = rng.normal(0, rng.uniform(3, 25), image.shape), float(rng.uniform(0, 1))
    if size > 0.4:  # a camera's own filter smears it
        grain = cv2.GaussianBlur(grain, (0, 0), size) * (2 * size)
    return np.rint(image + grain).clip(0, 255).astype(np.uint8)


def compressed(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """What JPEG makes of an image (H, W, 3), uint8, at a quality of 1…100."""
    _, file = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(file, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded, np.uint8)

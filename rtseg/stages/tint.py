"""How strongly, and in which colours, class ids show in a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rtseg.stages.colours import yuv_from_rgb

if TYPE_CHECKING:
    from av.video.reformatter import ColorRange
    from numpy.typing import NDArray

    from rtseg.classes import ClassSet
    from rtseg.stages.colours import Matrix

_BLACK_RGB = (0, 0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Coat:
    """A tint in the terms of pictures of one matrix and range: look-up tables from id to level.

    Attributes:
        levels: (3, 256), uint8, what ids add to Y, U and V. For a uniform coat the full colour, else already
            multiplied by the opacity, and 0 for classes that are not painted.
        keep: (256,), uint8, what is kept of the picture, 255 for all of it.
        is_uniform: whether all classes are painted, so that every pixel is blended alike, by `opacity`.
        opacity: 0 leaves the picture, 1 hides it.
    """

    levels: NDArray[np.uint8]
    keep: NDArray[np.uint8]
    is_uniform: bool
    opacity: float


@dataclass(frozen=True, slots=True)
class Tint:
    """How strongly each class is painted, and in which colours.

    Attributes:
        classes: the classes; ids beyond them count as black.
        opacity: 0 leaves the picture, 1 hides it.
        painted: names of the classes that are painted; pixels of others keep the picture.
    """

    classes: ClassSet
    opacity: float
    painted: frozenset[str]

    @property
    def is_uniform(self) -> bool:
        """Whether all classes are painted."""
        return self.painted.issuperset(self.classes.names)

    def coat(self, matrix: Matrix, colour_range: ColorRange) -> Coat:
        """The same for pictures of one matrix and range."""
        palette = [*self.classes.palette_rgb, *[_BLACK_RGB] * (256 - len(self.classes))]
        levels = yuv_from_rgb(palette, matrix, colour_range)
        opacities = self._opacities()
        if not self.is_uniform:
            levels *= opacities[:, None]
        return Coat(
            levels=np.rint(levels.T).clip(0, 255).astype(np.uint8),
            keep=np.rint(255 * (1 - opacities)).astype(np.uint8),
            is_uniform=self.is_uniform,
            opacity=self.opacity,
        )

    def _opacities(self) -> NDArray[np.float64]:
        opacities = np.zeros(256)
        for class_id, name in enumerate(self.classes.names):
            opacities[class_id] = self.opacity if name in self.painted else 0
        return opacities

"""How pictures are painted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtseg.errors import InputError

if TYPE_CHECKING:
    from rtseg.classes import ClassSet

SIDE_BY_SIDE = "side-by-side"
VIEWS = ("overlay", "mask", SIDE_BY_SIDE)
"""What can be shown: the picture with colours over it, the colours alone, or both side by side."""


def size_shown(view: str, width: int, height: int) -> tuple[int, int]:
    """Width and height of what is shown of a picture of `width` times `height` in a view of `VIEWS`."""
    return (2 * (width + width % 2), height) if view == SIDE_BY_SIDE else (width, height)


@dataclass(frozen=True, slots=True)
class Look:
    """How pictures are painted.

    Attributes:
        opacity: of the colours, 0…1; a mask is always opaque.
        only: names of the classes to paint; None for all. In a mask, the others are black.
        view: one of `VIEWS`.
        legend: whether class names and colours are burnt into a corner.
        mark_stale: whether pictures whose labels are older than themselves bear a mark in a corner.
    """

    opacity: float = 0.5
    only: frozenset[str] | None = None
    view: str = "overlay"
    legend: bool = False
    mark_stale: bool = False

    def painted(self, classes: ClassSet) -> frozenset[str]:
        """Names of the classes that are painted."""
        return frozenset(classes.names) if self.only is None else self.only

    def check(self, classes: ClassSet) -> None:
        """Check that there is such a look for these classes.

        Raises:
            InputError: the opacity is out of range, or a class or the view does not exist.
        """
        if self.view not in VIEWS:
            raise InputError(f"there is no view called {self.view}. The views are: {', '.join(VIEWS)}.")
        if not 0 <= self.opacity <= 1:
            raise InputError(f"opacity {self.opacity:g} is out of range. Give a number from 0 to 1.")
        unknown = sorted(self.painted(classes) - set(classes.names))
        if unknown:
            raise InputError(
                f"no class is called {', '.join(unknown)}. The classes are: {', '.join(classes.names)}."
            )

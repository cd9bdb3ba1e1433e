"""A line through what something costs, by least squares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Line:
    """y = base + slope · x.

    Attributes:
        base: y at x = 0.
        slope: y a unit of x.
        r_squared: the share of y's variance that the line explains; None where it has to, as with two points.
    """

    base: float
    slope: float
    r_squared: float | None

    def at(self, x: float) -> float:
        """The line's y."""
        return self.base + self.slope * x

    def facts(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {"base": self.base, "slope": self.slope, "r_squared": self.r_squared}


def line_through(xs: Sequence[float], ys: Sequence[float]) -> Line | None:
    """The line of least squares; None where fewer than two different x are given."""
    if len(set(xs)) < 2:
        return None
    slope, base = np.polyfit(np.asarray(xs, np.float64), np.asarray(ys, np.float64), 1)
    return Line(float(base), float(slope), _explained(xs, ys, float(base), float(slope)))


def _explained(xs: Sequence[float], ys: Sequence[float], base: float, slope: float) -> float | None:
    total = float(np.var(ys)) * len(ys)
    if len(set(xs)) < 3 or total == 0:
        return None
    left = sum((y - base - slope * x) ** 2 for x, y in zip(xs, ys, strict=True))
    return 1 - left / total

"""The line of figures below the picture, and the help over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtseg.window.keys import HELP_LINES, class_keys

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rtseg.classes import ClassSet
    from rtseg.pipeline import Books
    from rtseg.stages.look import Look

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_CAPITAL_PX = 22
"""Height of a capital at scale 1."""
_SMALLEST_PX, _LARGEST_PX = 10, 20
_TEXT_BGR, _DIM_BGR = (235, 235, 235), (120, 120, 120)
_BACK_BGR = (24, 24, 24)
_HELP_OPACITY = 0.8
_HELP_COLUMN = 18
"""Width of one of its two columns, in heights of a capital."""


@dataclass(frozen=True, slots=True)
class Status:
    """What the strip tells.

    Attributes:
        books: the frames by what became of them.
        fps: frames shown a second.
        p50_ms: end-to-end latency that half of the frames do not exceed; None before the first.
        p99_ms: the same of 99 %.
        missed: frames that missed their slot; None where there are no slots.
    """

    books: Books
    fps: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    missed: int | None = None

    def parts(self) -> list[str]:
        """What is told, the most important first."""
        books = self.books
        parts = [f"{self.fps:.1f} fps"]
        if self.p50_ms is not None and self.p99_ms is not None:
            parts.append(f"{self.p50_ms:.0f} / {self.p99_ms:.0f} ms")
        if self.missed is not None:
            parts.append(f"missed {self.missed}")
        parts += [f"fresh {books.fresh}", f"propagated {books.propagated}", f"held {books.held}"]
        return [*parts, f"dropped {sum(books.dropped.values())}"]


def strip_height(width: int) -> int:
    """Rows of the strip below a picture that is shown `width` pixels wide."""
    return round(2.2 * _capital_px(width))


def draw_strip(strip: NDArray[np.uint8], parts: list[str], hint: str) -> None:
    """Write as many of the parts as there is room for, and the hint at the right if it fits too.

    Args:
        strip: BGR, (h, w, 3), h as `strip_height` says. Written over.
        parts: what is told, the most important first.
        hint: what is told last.
    """
    strip[:] = _BACK_BGR
    height, width = strip.shape[:2]
    capital = _capital_px(width)
    baseline, gap = (height + capital) // 2, round(1.6 * capital)
    left = capital
    for part in parts:
        needed = _text_width(part, capital)
        if left + needed > width - capital:
            return
        _write(strip, part, (left, baseline), capital, _TEXT_BGR)
        left += needed + gap
    needed = _text_width(hint, capital)
    if left + needed <= width - capital:
        _write(strip, hint, (width - capital - needed, baseline), capital, _DIM_BGR)


def draw_help(image: NDArray[np.uint8], classes: ClassSet, look: Look) -> None:
    """Lay the list of keys over the middle of what is shown, BGR, (h, w, 3); smaller where it must be."""
    keys = class_keys(classes)
    height, width = image.shape[:2]
    rows = max(len(HELP_LINES), len(keys)) + 1
    capital = max(5, min(_capital_px(width), height // (2 * rows), width // (2 * _HELP_COLUMN)))
    column, step = _HELP_COLUMN * capital, 2 * capital
    panel_height, panel_width = min(height, step * rows), min(width, 2 * column)
    top, left = (height - panel_height) // 2, (width - panel_width) // 2
    panel = image[top : top + panel_height, left : left + panel_width]
    panel[:] = cv2.addWeighted(panel, 1 - _HELP_OPACITY, np.full_like(panel, _BACK_BGR), _HELP_OPACITY, 0)
    for row, (key, text) in enumerate(HELP_LINES, 1):
        _write(panel, key, (capital, step * row), capital, _TEXT_BGR)
        _write(panel, text, (6 * capital, step * row), capital, _TEXT_BGR)
    painted, colours = look.painted(classes), dict(zip(classes.names, classes.palette_rgb, strict=True))
    for row, (key, name) in enumerate(keys.items(), 1):
        bgr = _TEXT_BGR if name in painted else _DIM_BGR
        swatch = (column + 2 * capital, step * row - capital)
        cv2.rectangle(panel, (*swatch, 2 * capital, capital), colours[name][::-1], cv2.FILLED)
        _write(panel, key, (column, step * row), capital, bgr)
        _write(panel, name, (column + 5 * capital, step * row), capital, bgr)


def _capital_px(width: int) -> int:
    return min(_LARGEST_PX, max(_SMALLEST_PX, width // 90))


def _text_width(text: str, capital_px: int) -> int:
    scale, stroke = _font(capital_px)
    width: int = cv2.getTextSize(text, _FONT, scale, stroke)[0][0]
    return width


def _write(
    image: NDArray[np.uint8], text: str, place: tuple[int, int], capital_px: int, bgr: tuple[int, ...]
) -> None:
    scale, stroke = _font(capital_px)
    cv2.putText(image, text, place, _FONT, scale, bgr, stroke, cv2.LINE_AA)


def _font(capital_px: int) -> tuple[float, int]:
    return capital_px / _CAPITAL_PX, max(1, round(capital_px / 11))

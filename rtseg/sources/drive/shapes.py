"""Outlines that several things share."""

from __future__ import annotations

Outline = tuple[tuple[float, float], ...]
"""Corners as (right, up), in units of whoever uses it."""

CIRCLE: Outline = (
    (1.0, 0.0), (0.866025, 0.5), (0.5, 0.866025), (0.0, 1.0), (-0.5, 0.866025), (-0.866025, 0.5),
    (-1.0, 0.0), (-0.866025, -0.5), (-0.5, -0.866025), (0.0, -1.0), (0.5, -0.866025), (0.866025, -0.5),
)  # fmt: skip
"""A circle in twelve corners, written out: a sine would differ between machines."""

OCTAGON: Outline = (
    (1.0, 0.0), (0.7071, 0.7071), (0.0, 1.0), (-0.7071, 0.7071),
    (-1.0, 0.0), (-0.7071, -0.7071), (0.0, -1.0), (0.7071, -0.7071),
)  # fmt: skip
"""A circle in eight corners, for small ones."""

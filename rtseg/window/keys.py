"""What each key means."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rtseg.stages.look import SIDE_BY_SIDE, VIEWS

if TYPE_CHECKING:
    from rtseg.classes import ClassSet
    from rtseg.stages.look import Look

QUIT = ("q", "\x1b")
PAUSE = " "
SNAPSHOT = "s"
FULL_SCREEN = "f"
HELP = "h"

_OPACITY_STEP = 0.1
_OF_ONE_SIZE = tuple(view for view in VIEWS if view != SIDE_BY_SIDE)
_CLASS_KEYS = "1234567890abcdegijknoptuwxyz"
"""In the order of the classes; letters that mean something else are left out."""

HELP_LINES = (
    ("+  -", "opacity"),
    ("v", "view"),
    ("l", "legend"),
    ("m", "mark old labels"),
    ("r", "all classes"),
    ("space", "pause the picture"),
    ("s", "snapshot"),
    ("f", "full screen"),
    ("h", "this help"),
    ("q  Esc", "quit"),
)


def class_keys(classes: ClassSet) -> dict[str, str]:
    """The class that each key shows or hides; classes beyond the keys have none."""
    return dict(zip(_CLASS_KEYS, classes.names, strict=False))


def changed_look(look: Look, key: str, classes: ClassSet) -> Look | None:
    """The look after a key was pressed; None if the key does not change it."""
    steps = {"+": _OPACITY_STEP, "=": _OPACITY_STEP, "-": -_OPACITY_STEP}
    if key in steps:
        return replace(look, opacity=round(min(1.0, max(0.0, look.opacity + steps[key])), 2))
    if key == "v" and look.view != SIDE_BY_SIDE:  # another size would stretch what is recorded meanwhile
        return replace(look, view=_OF_ONE_SIZE[(_OF_ONE_SIZE.index(look.view) + 1) % len(_OF_ONE_SIZE)])
    if key == "l":
        return replace(look, legend=not look.legend)
    if key == "m":
        return replace(look, mark_stale=not look.mark_stale)
    if key == "r":
        return replace(look, only=None)
    name = class_keys(classes).get(key)
    if name is None:
        return None
    painted = look.painted(classes) ^ {name}
    return replace(look, only=None if painted == frozenset(classes.names) else painted)


def description(look: Look, classes: ClassSet) -> str:
    """The look in a few words, for the strip."""
    hidden = [name for name in classes.names if name not in look.painted(classes)]
    words = [f"{look.view}, opacity {look.opacity:.0%}"]
    if hidden:
        words.append(f"without {', '.join(hidden)}")
    return ", ".join(words)

"""The assembled version, as the behaviours see it: enums by name, faces for behaviours, the logger's lines.

A *behaviour* is a class of ours with the state and the code. Its *face* is the object that a user of
`tensorrt` holds: an instance of the class that the surface describes, which can do what that version can
and nothing else.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .surface import Surface


class World:
    """One version.

    Attributes:
        surface: what it offers.
        classes: the classes and enums, by path.
    """

    def __init__(self) -> None:
        self.surface: Surface = None
        self.classes: dict[str, Any] = {}

    @property
    def number(self) -> tuple[int, ...]:
        return self.surface.number

    def enum(self, path: str, member: str) -> Any:
        """A member of an enum; None where this version has none of that name."""
        return getattr(self.classes.get(path), member, None)

    def face(self, behaviour: Any) -> Any:
        """The one object that stands for `behaviour` to the outside; None stays None."""
        if behaviour is None:
            return None
        if behaviour.face is None:
            kind = self.classes[behaviour.path]
            behaviour.face = kind.__new__(kind, *behaviour.face_arguments)
            behaviour.face._behaviour = behaviour
        return behaviour.face

    def log(self, logger: Any, severity: str, message: str) -> None:
        """A line in a user's logger. What the logger raises is swallowed, as the bindings do."""
        try:
            logger.log(self.enum("ILogger.Severity", severity), message)
        except BaseException as error:
            print(f"[ERROR] Exception caught in log(): {error}", file=sys.stderr)

    def refuse(self, logger: Any, message: str) -> None:
        """An error in the logger; returns the None that goes with it."""
        self.log(logger, "ERROR", message)


WORLD = World()


class Behaviour:
    """Base of the behaviours; `path` is the class of the surface that the face belongs to."""

    path = ""
    face_arguments: tuple[Any, ...] = ()

    def __init__(self) -> None:
        self.face: Any = None
        self.error_recorder = None


def behaviour_of(face: Any) -> Any:
    """What stands behind a face."""
    return face._behaviour

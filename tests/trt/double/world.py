"""The assembled version, as the behaviours see it: enums by name, faces for behaviours, the logger's lines.

A *behaviour* is a class of ours with the state and the code. Its *face* is the object that a user of
`tensorrt` holds: an instance of the class that the surface describes, which can do what that version can
and nothing else.
"""

from __future__ import annotations

import contextlib
import sys
import weakref
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
        face = behaviour.face() if behaviour.face is not None else None
        if face is None:
            kind = self.classes[behaviour.path]
            face = kind.__new__(kind, *behaviour.face_arguments)
            attach(face, behaviour)
        return face

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
    """Base of the behaviours.

    Attributes:
        path: the class of the surface that the face belongs to.
        face_arguments: for making the face.
        face: a weak reference to it; the user alone keeps it alive, so that it goes when he drops it.
    """

    path = ""
    face_arguments: tuple[Any, ...] = ()

    def __init__(self) -> None:
        self.face: Any = None
        self.error_recorder = None

    def deleted(self) -> None:
        """The face is gone."""


def attach(face: Any, behaviour: Behaviour) -> None:
    """Make the two know each other."""
    object.__setattr__(face, "_behaviour", behaviour)
    with contextlib.suppress(TypeError):  # what derives from bytes cannot be referred to weakly
        behaviour.face = weakref.ref(face)


def behaviour_of(face: Any) -> Any:
    """What stands behind a face."""
    return face._behaviour

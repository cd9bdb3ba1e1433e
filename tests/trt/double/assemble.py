"""The classes of the surface: each name that the version has, no other, calls checked as pybind11 does."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from . import casts
from .enums import make_enum
from .memory import HostBytes
from .world import WORLD, Behaviour, attach, behaviour_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .surface import Class, Overload, Property, Surface

PLAIN_DUNDERS = ("__len__", "__getitem__", "__setitem__", "__str__")


class BoundType(type):
    """Type of all faces: whoever derives from one must call its constructor."""

    def __call__(cls, *arguments: Any, **named: Any) -> Any:
        made = super().__call__(*arguments, **named)
        if getattr(made, "_behaviour", None) is None:
            base = next(kind for kind in cls.__mro__ if kind.__module__ == "tensorrt")
            raise TypeError(
                f"tensorrt.{base.__qualname__}.__init__() must be called when overriding __init__"
            )
        return made


def assemble(surface: Surface, behaviours: Mapping[str, type[Behaviour]]) -> dict[str, Any]:
    """All names of the module `tensorrt` of this version."""
    WORLD.surface = surface
    for path in _bases_first(surface):
        kind = surface.classes[path]
        if kind.members is not None:
            WORLD.classes[path] = make_enum(path, dict(kind.members), _enum_extras(path))
        else:
            WORLD.classes[path] = _class(kind, behaviours.get(path))
    for path, kind in surface.classes.items():
        _set_attributes(kind, behaviours.get(path))
    names = {path: value for path, value in WORLD.classes.items() if "." not in path}
    names |= {name: WORLD.classes[path] for name, path in surface.aliases.items()}
    for name, target in surface.constants.items():
        path, _, member = target.rpartition(".")
        names[name] = getattr(WORLD.classes[path], member)
    return names


def _bases_first(surface: Surface) -> list[str]:
    ordered: list[str] = []

    def add(path: str) -> None:
        for base in surface.classes[path].bases:
            add(base)
        if path not in ordered:
            ordered.append(path)

    for path in surface.classes:
        add(path)
    return ordered


def _class(kind: Class, behaviour: type[Behaviour] | None) -> BoundType:
    bases = tuple(WORLD.classes[base] for base in kind.bases)
    body: dict[str, Any] = {
        "__module__": "tensorrt",
        "__qualname__": kind.path,
        "__init__": _constructor(kind, behaviour),
    }
    if behaviour is not None and behaviour.path == "IHostMemory":
        bases = (HostBytes,)
    elif not bases:
        body["__slots__"] = ("_behaviour", "__weakref__")
    else:
        body["__slots__"] = ()
    for name, overloads in kind.methods.items():
        body[name] = _method(kind.path, name, overloads, behaviour)
    for name, found in kind.properties.items():
        body[name] = _property(kind.path, name, found)
    if "Dims" in kind.path:
        body["__eq__"] = lambda self, other: (
            tuple(self) == tuple(other) if hasattr(other, "__len__") else NotImplemented
        )
        body["__hash__"] = None
        body["__repr__"] = body["__str__"] = lambda self: str(tuple(behaviour_of(self).values))
        body["__len__"] = lambda self: len(behaviour_of(self))
        body.setdefault("__iter__", lambda self: iter(behaviour_of(self).values))
    return BoundType(kind.path.rpartition(".")[2], bases, body)


def _set_attributes(kind: Class, behaviour: type[Behaviour] | None) -> None:
    """Constants of a class, and classes inside it: `ILogger.ERROR`, `ILogger.Severity`."""
    for name, target in kind.attributes.items():
        path, _, member = target.rpartition(".")
        value = getattr(WORLD.classes[path], member) if path else getattr(behaviour, name, None)
        setattr(WORLD.classes[kind.path], name, value)
    owner, _, name = kind.path.rpartition(".")
    if owner:
        setattr(WORLD.classes[owner], name, WORLD.classes[kind.path])


def _constructor(kind: Class, behaviour: type[Behaviour] | None) -> Callable[..., None]:
    def __init__(self: Any, *arguments: Any, **named: Any) -> None:  # noqa: N807
        if not kind.constructors:
            raise TypeError(f"tensorrt.{kind.path}: No constructor defined!")
        values = _matched(f"{kind.path}", kind.constructors, arguments, named)
        if behaviour is None:
            made: Behaviour = Behaviour()  # an interface that the user implements
        else:
            made = behaviour(**_internal(values))
            if getattr(made, "failed", False):
                raise TypeError("pybind11::init(): factory function returned nullptr")
        attach(self, made)

    return __init__


def _method(path: str, name: str, overloads: tuple[Overload, ...], behaviour: type[Behaviour] | None) -> Any:
    written = getattr(behaviour, name, None)
    if name in ("__enter__", "__exit__"):
        return _context_method(name)
    if name == "__del__":
        return _deleted

    def call(self: Any, *arguments: Any, **named: Any) -> Any:
        values = _matched(f"{path}.{name}", overloads, arguments, named)
        if written is None:
            if behaviour is None:
                return None if overloads[0].returns != "bool" else False  # a pure virtual function
            raise NotImplementedError(f"the double of TensorRT does nothing for {path}.{name}")
        return _external(_apply(written, behaviour_of(self), values, f"{path}.{name}"))

    call.__name__, call.__qualname__ = name, f"{path}.{name}"
    call.__doc__ = "\n".join(map(str, overloads))
    return call


def _apply(written: Any, behaviour: Behaviour, values: dict[str, Any], what: str) -> Any:
    known = inspect.signature(written).parameters
    values = _internal(values)
    if any(name.startswith("arg") for name in values):
        return written(behaviour, *values.values())
    if values.keys() - known.keys():
        raise NotImplementedError(f"the double of TensorRT does not take {', '.join(values)} in {what}")
    return written(behaviour, **values)


def _property(path: str, name: str, found: Property) -> property:
    def read(self: Any) -> Any:
        if not hasattr(behaviour_of(self), name):
            raise NotImplementedError(f"the double of TensorRT has nothing for {path}.{name}")
        return _external(getattr(behaviour_of(self), name))

    def store(self: Any, value: Any) -> None:
        try:
            fitting = casts.cast(value, found.set, WORLD, none_ok=True)
        except casts.Mismatch:
            raise TypeError(
                _complaint(f"{path}.{name}", (f"(arg0: {found.set}) -> None",), (value,), {})
            ) from None
        setattr(behaviour_of(self), name, _one_internal(fitting))

    return property(read if found.readable else None, store if found.set else None)


def _matched(
    what: str, overloads: tuple[Overload, ...], arguments: tuple[Any, ...], named: dict[str, Any]
) -> dict[str, Any]:
    for overload in overloads:
        try:
            return casts.bind(overload, arguments, named, WORLD)
        except casts.Mismatch:
            continue
    raise TypeError(_complaint(what, tuple(map(str, overloads)), arguments, named))


def _complaint(
    what: str, signatures: tuple[str, ...], arguments: tuple[Any, ...], named: dict[str, Any]
) -> str:
    listed = "\n".join(f"    {number}. {signature}" for number, signature in enumerate(signatures, 1))
    given = ", ".join([*map(repr, arguments), *(f"{name}={value!r}" for name, value in named.items())])
    return (
        f"{what}(): incompatible function arguments. The following argument types are supported:\n"
        f"{listed}\n\nInvoked with: {given}"
    )


USER_WRITTEN = (
    "ILogger",
    "IProgressMonitor",
    "IProfiler",
    "IErrorRecorder",
    "IGpuAllocator",
    "IOutputAllocator",
)
"""Interfaces that a user implements; their faces are what is called."""


def _one_internal(value: Any) -> Any:
    """The behaviour behind an argument, unless the user wrote its methods."""
    if not isinstance(type(value), BoundType):
        return value
    mine = any(isinstance(value, WORLD.classes[name]) for name in USER_WRITTEN if name in WORLD.classes)
    return value if mine else behaviour_of(value)


def _internal(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _one_internal(value) for name, value in values.items()}


def _external(value: Any) -> Any:
    if isinstance(value, Behaviour):
        return WORLD.face(value)
    return [_external(item) for item in value] if type(value) is list else value


def _context_method(name: str) -> Any:
    def enter(self: Any) -> Any:
        import warnings

        warnings.warn("Context managers for TensorRT types are deprecated.", DeprecationWarning, stacklevel=2)
        return self

    return enter if name == "__enter__" else lambda self, exc_type, exc_value, traceback: None  # noqa: ARG005


def _deleted(self: Any) -> None:
    """What the bindings do in `__del__`, for classes that must be let go of in time."""
    behaviour = getattr(self, "_behaviour", None)
    if behaviour is not None:
        behaviour.face = None  # the weak reference still holds while this runs
        behaviour.deleted()


ITEM_BYTES = {
    "FLOAT": 4, "HALF": 2, "BF16": 2, "INT8": 1, "INT32": 4, "INT64": 8, "BOOL": 1, "UINT8": 1, "FP8": 1,
    "INT4": 0.5, "FP4": 0.5, "E8M0": 1,
}  # fmt: skip


def _enum_extras(path: str) -> dict[str, Any]:
    if path != "DataType":
        return {}
    return {"itemsize": property(lambda self: ITEM_BYTES.get(self.name))}

"""What may be passed for a parameter of which type: pybind11's rules, as far as the project meets them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .dims import Dims as DimsBehaviour

if TYPE_CHECKING:
    from .surface import Overload, Parameter
    from .world import World


class Mismatch(Exception):
    """The arguments are not those of this overload."""


def bind(
    overload: Overload, arguments: tuple[Any, ...], named: dict[str, Any], world: World
) -> dict[str, Any]:
    """Values by the overload's parameter names, cast.

    Raises:
        Mismatch: too many, too few, a wrong name or a wrong type.
    """
    if len(arguments) > len(overload.params):
        raise Mismatch
    given = {parameter.name: value for parameter, value in zip(overload.params, arguments, strict=False)}
    if given.keys() & named.keys():
        raise Mismatch
    given |= named
    if given.keys() - {parameter.name for parameter in overload.params}:
        raise Mismatch
    return {p.name: _cast_parameter(p, given, world) for p in overload.params}


def _cast_parameter(parameter: Parameter, given: dict[str, Any], world: World) -> Any:
    if parameter.name not in given:
        if parameter.default is None:
            raise Mismatch
        return default_value(parameter.default, world)
    value = given[parameter.name]
    if value is None and parameter.default == "None":
        return None
    return cast(value, parameter.type, world)


def cast(value: Any, kind: str, world: World, *, none_ok: bool = False) -> Any:
    """`value` for a parameter of type `kind`.

    Raises:
        Mismatch: it does not fit.
    """
    if value is None and none_ok and kind in world.surface.classes:
        return None
    if kind == "int":
        return _integer(value)
    if kind == "bool":
        return bool(value)
    if kind == "float":
        return float(value) if isinstance(value, (int, float)) else _fail()
    if kind == "str":
        return value if isinstance(value, str) else value.decode() if isinstance(value, bytes) else _fail()
    if kind == "Buffer":
        return _buffer(value)
    if kind == "Dims":
        return _dims(value, world)
    if kind in ("list", "tuple"):
        return value if type(value).__name__ == kind else _fail()
    if kind.startswith("list["):
        items = value if isinstance(value, (list, tuple)) else _fail()
        return [cast(item, kind[5:-1], world) for item in items]
    if kind in world.surface.classes:
        return value if isinstance(value, world.classes[kind]) else _fail()
    return value


def default_value(text: str, world: World) -> Any:
    """The value that a default is printed for."""
    enum = re.fullmatch(r"<(\w+)\.(\w+): -?\d+>", text)
    if enum:
        path = next(path for path in world.surface.enums if path.rpartition(".")[2] == enum[1])
        return getattr(world.classes[path], enum[2])
    literal = {"None": None, "True": True, "False": False, "''": ""}
    return literal[text] if text in literal else int(text) if re.fullmatch(r"-?\d+", text) else text


def _integer(value: Any) -> int:
    if isinstance(value, float) or not hasattr(value, "__index__"):
        _fail()
    return int(value.__index__())


def _buffer(value: Any) -> memoryview:
    if isinstance(value, str):
        _fail()
    try:
        return memoryview(value)
    except TypeError:
        _fail()


def _dims(value: Any, world: World) -> Any:
    if isinstance(value, world.classes["Dims"]):
        return value
    if isinstance(value, (list, tuple)):
        return world.face(DimsBehaviour([_integer(item) for item in value]))
    return _fail()


def _fail() -> Any:
    raise Mismatch

"""What one version's bindings offer: `python -m tests.trt.reflect FOLDER` imports them and prints it as JSON.

pybind11 writes every function's signature, or one line for each of its overloads, into the docstring. What
is printed is described in `double/surface.py`.
"""

from __future__ import annotations

import ctypes
import inspect
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

SIGNATURE = re.compile(r"^(?:\d+\. )?\w*\((.*)\) -> (.+)$")
MAY_BE_NONE = re.compile(r":returns?:[^:]*(?::\w+:)?.*?(\bNone\b|nullptr|null\b)", re.DOTALL)
KEPT_DUNDERS = (
    "__len__",
    "__getitem__",
    "__setitem__",
    "__iter__",
    "__enter__",
    "__exit__",
    "__str__",
    "__del__",
)

UNDOCUMENTED_NONE = re.compile(r"build_|deserialize_|create_|serialize|get_timing_cache|load_runtime")
"""Beginnings of methods that give None where they fail, though not every docstring says so."""


def main() -> None:
    folder = Path(sys.argv[1])
    for library in sorted((folder / "lib").glob("*.so*")):
        ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)  # found by its soname when the bindings ask for it
    sys.path.insert(0, str(folder))
    import tensorrt_bindings

    print(json.dumps(surface_of(tensorrt_bindings), indent=1))


def surface_of(module: ModuleType) -> dict[str, Any]:
    """Everything public in `module`."""
    public = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    classes = {name: value for name, value in public.items() if isinstance(value, type)}
    names = Names(classes)
    return {
        "version": module.__version__,
        "classes": {path: _class(path, kind, names) for path, kind in names.classes.items()},
        "functions": {
            name: _overloads(value, names)
            for name, value in public.items()
            if callable(value) and not isinstance(value, type)
        },
        "aliases": {name: path for name, kind in classes.items() if (path := names.path_of(kind)) != name},
        "constants": {
            name: f"{names.path_of(type(value))}.{value.name}"
            for name, value in public.items()
            if hasattr(type(value), "__members__")
        },
    }


class Names:
    """All classes by their path, `ILogger.Severity`, and types as Python spells them."""

    def __init__(self, classes: dict[str, type]) -> None:
        self.classes: dict[str, type] = {}
        for name, kind in classes.items():
            self._add(name, kind)

    def _add(self, path: str, kind: type) -> None:
        if kind in self.classes.values():
            return  # an alias, as Logger.Severity is
        self.classes[path] = kind
        for name, value in vars(kind).items():
            if isinstance(value, type) and not name.startswith("_"):
                self._add(f"{path}.{name}", value)

    def path_of(self, kind: type) -> str:
        return next((path for path, value in self.classes.items() if value is kind), kind.__name__)

    def python_type(self, text: str) -> str:
        """A type as it stands in a docstring, in Python's spelling; what cannot be resolved is `object`."""
        text = text.strip().replace("tensorrt_bindings.tensorrt.", "").replace("tensorrt.tensorrt.", "")
        for old, new in SPELLINGS.items():
            text = re.sub(old, new, text)
        text = re.sub(
            r"(?:nvinfer1|nvonnxparser|nvinfer1::v_1_0)::(?:v_\d_\d::)?([\w:]+)", self._from_cpp, text
        )
        return text if re.fullmatch(r"[\w.\[\], |]+", text) and "::" not in text else "object"

    def _from_cpp(self, match: re.Match[str]) -> str:
        """A C++ name that had no Python class yet when the docstring was made."""
        name = match[1].replace("::", ".")
        for candidate in (name, name.removeprefix("I")):
            if candidate in self.classes:
                return candidate
        return "object"


SPELLINGS = {
    r"\bList\[": "list[",
    r"\bTuple\[": "tuple[",
    r"typing\.SupportsInt( \| typing\.SupportsIndex)?": "int",
    r"typing\.SupportsFloat( \| typing\.SupportsIndex)?": "float",
    r"\b(buffer|collections\.abc\.Buffer|typing_extensions\.Buffer)\b": "Buffer",
    r"collections\.abc\.Sequence\[": "list[",
    r"(collections\.abc\.)?\bIterator\b(\[.*\])?": "Iterator",
    r"(collections\.abc\.)?\bIterable\b(\[.*\])?": "Iterable",
    r"numpy\.ndarray(\[.*\])?": "ndarray",
    r"\b(capsule|types\.CapsuleType|handle|function|method)\b": "object",
}


def _class(path: str, kind: type, names: Names) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "bases": [names.path_of(base) for base in kind.__bases__ if base in names.classes.values()],
        "constructors": _overloads(kind.__init__, names) if "__init__" in vars(kind) else [],
        "methods": {},
        "properties": {},
        "attributes": {},
    }
    if hasattr(kind, "__members__"):
        entry["members"] = {name: int(value) for name, value in kind.__members__.items()}
        entry["arithmetic"] = "__and__" in vars(kind)
        return entry
    for name, value in vars(kind).items():
        if name.startswith("_") and name not in KEPT_DUNDERS:
            continue
        if isinstance(value, property):
            entry["properties"][name] = _property(value, names)
        elif isinstance(value, type):
            continue
        elif hasattr(type(value), "__members__"):
            entry["attributes"][name] = f"{names.path_of(type(value))}.{value.name}"
        elif callable(value) or isinstance(value, staticmethod):
            entry["methods"][name] = _overloads(value, names)
        elif name != "__doc__" and not name.startswith("__"):
            entry["attributes"][name] = type(value).__name__ if not _is_static(value) else "int"
    del path
    return entry


def _is_static(value: object) -> bool:
    return type(value).__name__ == "pybind11_static_property"


def _property(value: property, names: Names) -> dict[str, Any]:
    getter = _overloads(value.fget, names) if value.fget else []
    setter = _overloads(value.fset, names) if value.fset else []
    stored = setter[0]["params"][-1]["type"] if setter and setter[0]["params"] else None
    return {
        "get": getter[0]["returns"] if getter else stored or "object",
        "set": stored if value.fset is None or stored else "object",
        "readable": value.fget is not None,
    }


def _overloads(function: Any, names: Names) -> list[dict[str, Any]]:
    """Every signature of a function, without self; empty for what cannot be called."""
    function = getattr(function, "__func__", function)
    text = function.__doc__ or ""
    if inspect.isfunction(function) and not SIGNATURE.match(
        text.strip().splitlines()[0] if text.strip() else ""
    ):
        return [_plain(function)]
    found = [match for line in text.splitlines() if (match := SIGNATURE.match(line.strip()))]
    numbered = [match for match in found if match[0][0].isdigit()]
    may_be_none = bool(MAY_BE_NONE.search(text)) or bool(UNDOCUMENTED_NONE.match(function.__name__))
    return [_overload(match, names, may_be_none) for match in (numbered or found[:1])]


def _plain(function: Any) -> dict[str, Any]:
    """A function written in Python, in the package's own __init__."""
    params = [
        {"name": parameter.name, "type": "object"}
        | ({} if parameter.default is parameter.empty else {"default": repr(parameter.default)})
        for parameter in inspect.signature(function).parameters.values()
    ]
    return {
        "params": [p for p in params if p["name"] not in ("self", "this")],
        "returns": "object",
        "none": False,
    }


def _overload(match: re.Match[str], names: Names, may_be_none: bool) -> dict[str, Any]:
    params = []
    for text in _split(match[1]):
        if text in ("/", "*"):
            continue
        name, _, rest = text.partition(":")
        kind, has_default, default = rest.partition(" = ")
        params.append(
            {"name": name.strip(), "type": names.python_type(kind)}
            | ({"default": default.strip()} if has_default else {})
        )
    if params and (params[0]["name"] == "self" or _is_self(match[1])):
        params = params[1:]
    returns = names.python_type(match[2])
    is_class = returns in names.classes and not hasattr(names.classes[returns], "__members__")
    by_index = [parameter["name"] for parameter in params] == ["index"]  # None only beyond the last one
    return {"params": params, "returns": returns, "none": may_be_none and is_class and not by_index}


def _is_self(parameters: str) -> bool:
    """Properties call their own object arg0."""
    return parameters.startswith("arg0:")


def _split(parameters: str) -> list[str]:
    """Cut at the commas that are not inside brackets."""
    parts, depth, start = [], 0, 0
    for position, letter in enumerate(parameters):
        depth += letter in "[(<{"
        depth -= letter in "])>}"
        if letter == "," and depth == 0:
            parts.append(parameters[start:position].strip())
            start = position + 1
    parts.append(parameters[start:].strip())
    return [part for part in parts if part]


if __name__ == "__main__":
    main()

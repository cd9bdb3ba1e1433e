"""What one version of the bindings offers, as `tests/trt/reflect.py` wrote it down."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; `default` is how the bindings print it, None where there is none."""

    name: str
    type: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Overload:
    """One signature, without self; `none` says that it may return None."""

    params: tuple[Parameter, ...]
    returns: str
    none: bool

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Overload:
        params = tuple(Parameter(p["name"], p["type"], p.get("default")) for p in entry["params"])
        return cls(params, entry["returns"], entry["none"])

    def __str__(self) -> str:
        params = [
            f"{p.name}: {p.type}" + ("" if p.default is None else f" = {p.default}") for p in self.params
        ]
        return f"({', '.join(params)}) -> {self.returns}{' | None' if self.none else ''}"


@dataclass(frozen=True, slots=True)
class Property:
    """Types of what is read from and stored in it; `set` is None where it is read-only."""

    get: str
    set: str | None
    readable: bool


@dataclass(frozen=True, slots=True)
class Class:
    """A class of the bindings.

    Attributes:
        path: `ILogger.Severity`.
        bases: paths.
        constructors: empty where Python cannot make one.
        methods: every overload, by name.
        properties: by name.
        attributes: of the class: `ILogger.Severity.ERROR`, or the name of a type.
        members: of an enum, with their numbers; None for other classes.
        arithmetic: whether members of the enum compare and combine with numbers.
    """

    path: str
    bases: tuple[str, ...]
    constructors: tuple[Overload, ...]
    methods: Mapping[str, tuple[Overload, ...]]
    properties: Mapping[str, Property]
    attributes: Mapping[str, str]
    members: Mapping[str, int] | None
    arithmetic: bool

    @classmethod
    def read(cls, path: str, entry: Mapping[str, Any]) -> Class:
        return cls(
            path=path,
            bases=tuple(entry["bases"]),
            constructors=_overloads(entry["constructors"]),
            methods={name: _overloads(found) for name, found in entry["methods"].items()},
            properties={name: Property(**found) for name, found in entry["properties"].items()},
            attributes=entry["attributes"],
            members=entry.get("members"),
            arithmetic=entry.get("arithmetic", False),
        )

    @property
    def names(self) -> set[str]:
        """Everything public that it has itself, not from its bases."""
        return {*self.methods, *self.properties, *self.attributes, *(self.members or ())}


@dataclass(frozen=True)
class Surface:
    """All of one version.

    Attributes:
        version: as the package says.
        classes: by path.
        functions: of the module.
        constants: of the module, `float32` → `DataType.FLOAT`.
        aliases: other names of classes, `ResizeMode` → `InterpolationMode`.
    """

    version: str
    classes: Mapping[str, Class]
    functions: Mapping[str, tuple[Overload, ...]]
    constants: Mapping[str, str]
    aliases: Mapping[str, str]

    @classmethod
    def load(cls, file: Path) -> Surface:
        """Read what `reflect.py` wrote."""
        found = json.loads(file.read_text())
        return cls(
            version=found["version"],
            classes={path: Class.read(path, entry) for path, entry in found["classes"].items()},
            functions={name: _overloads(entry) for name, entry in found["functions"].items()},
            constants=found["constants"],
            aliases=found["aliases"],
        )

    @cached_property
    def number(self) -> tuple[int, ...]:
        """The version to compare: (10, 13, 3, 9)."""
        return tuple(int(part) for part in self.version.split(".") if part.isdigit())

    def has(self, path: list[str]) -> bool:
        """Whether `path`, as ["BuilderFlag", "TF32"], leads to something that is there."""
        path = [self.aliases.get(path[0], path[0]), *path[1:]]
        if path[0] not in self.classes:
            return len(path) > 1 or path[0] in {*self.functions, *self.constants, "__version__"}
        for end in range(len(path), 0, -1):
            owner = ".".join(path[:end])
            if owner in self.classes:
                return end == len(path) or path[end].startswith("__") or path[end] in self.all_names(owner)
        return False

    def all_names(self, path: str) -> set[str]:
        """Everything public of a class and its bases."""
        kind = self.classes[path]
        inherited = (self.all_names(base) for base in kind.bases)
        return kind.names.union(*inherited, ("name", "value", "itemsize") if kind.members is not None else ())

    @cached_property
    def enums(self) -> set[str]:
        return {path for path, kind in self.classes.items() if kind.members is not None}


def _overloads(entries: list[Mapping[str, Any]]) -> tuple[Overload, ...]:
    return tuple(Overload.read(entry) for entry in entries)

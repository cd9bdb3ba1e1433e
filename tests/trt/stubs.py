"""One version's surface as type stubs: what exists, with its signatures, and None where a call may fail."""

from __future__ import annotations

import keyword
import re
from typing import TYPE_CHECKING

from tests.trt import install
from tests.trt.double.surface import Surface

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.trt.double.surface import Class, Overload, Property

HEAD = """\
import builtins
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, overload
from typing_extensions import Buffer, Never, Self

__version__: builtins.str
"""

COMMON = {
    "object": "Any",
    "ndarray": "Any",
    "Buffer": "Buffer",
    "Iterable": "Iterable[Any]",
    "Iterator": "Iterator[Any]",
    "list": "builtins.list[Any]",
    "tuple": "builtins.tuple[Any, ...]",
    "dict": "builtins.dict[builtins.str, Any]",
    "slice": "builtins.slice",
    "None": "None",
}
"""How types are written, where not as they are."""

TAKEN = COMMON | {"Dims": "Dims | builtins.tuple[builtins.int, ...] | builtins.list[builtins.int]"}
GIVEN = COMMON
"""The same for parameters, and for what is returned."""

BUILTIN = ("int", "str", "float", "bool", "bytes", "memoryview")
LENDS_MEMORY = ("IHostMemory",)


def stub_folder(version: str) -> Path:
    """The folder with `tensorrt/__init__.pyi` of this version; written on the first call.

    Raises:
        NotAvailable: the version's bindings cannot be had here.
    """
    folder = install.install(version)
    file = folder / "stubs" / "tensorrt" / "__init__.pyi"
    file.parent.mkdir(parents=True, exist_ok=True)
    text = stub_of(Surface.load(folder / "surface.json"))
    if not file.is_file() or file.read_text() != text:
        file.write_text(text)
    return folder / "stubs"


def stub_of(surface: Surface) -> str:
    """The text of the stub."""
    top = [kind for path, kind in surface.classes.items() if "." not in path]
    lines = [HEAD]
    for kind in top:
        lines += _class(kind, surface, "")
    lines += [f"{name}: {target.rpartition('.')[0]}" for name, target in surface.constants.items()]
    lines += [f"{name} = {path}" for name, path in surface.aliases.items()]
    for name, overloads in surface.functions.items():
        lines += _function(name, overloads, surface, "", is_method=False)
    return "\n".join(lines) + "\n"


def _class(kind: Class, surface: Surface, indent: str) -> Iterator[str]:
    name = kind.path.rpartition(".")[2]
    bases = f"({', '.join(kind.bases)})" if kind.bases else ""
    inner = indent + "    "
    body = [*_body(kind, surface, inner)]
    yield f"{indent}class {name}{bases}:"
    yield from body or [f"{inner}..."]


def _body(kind: Class, surface: Surface, inner: str) -> Iterator[str]:
    for path, nested in surface.classes.items():
        if path.rpartition(".")[0] == kind.path:
            yield from _class(nested, surface, inner)
    if kind.members is not None:
        yield from _enum(kind, inner)
        return
    for attribute, target in kind.attributes.items():
        owner = target.rpartition(".")[0]
        yield f"{inner}{attribute}: ClassVar[{owner or ('builtins.int' if target == 'int' else 'Any')}]"
    if kind.constructors:
        yield from _function("__init__", kind.constructors, surface, inner, is_method=True)
    elif not kind.bases:
        yield f"{inner}def __init__(self, *, it_has_no_constructor: Never) -> None: ..."
    for method, overloads in kind.methods.items():
        if method == "__enter__":
            yield f"{inner}def __enter__(self) -> Self: ..."
        elif method not in ("__del__", "__exit__"):
            yield from _function(method, overloads, surface, inner, is_method=True)
    for found, entry in kind.properties.items():
        yield from _property(found, entry, surface, inner)
    if kind.path in LENDS_MEMORY:
        yield f"{inner}def __buffer__(self, flags: builtins.int, /) -> builtins.memoryview: ..."


def _enum(kind: Class, indent: str) -> Iterator[str]:
    """Members are no numbers: they must not be combined or passed as such, only converted."""
    for member in kind.members or ():
        yield f"{indent}{member}: ClassVar[{kind.path}]"
    yield f"{indent}__members__: ClassVar[builtins.dict[builtins.str, {kind.path}]]"
    yield f"{indent}def __init__(self, value: builtins.int) -> None: ..."
    yield f"{indent}def __int__(self) -> builtins.int: ..."
    yield f"{indent}def __hash__(self) -> builtins.int: ..."
    yield f"{indent}@property\n{indent}def name(self) -> builtins.str: ..."
    yield f"{indent}@property\n{indent}def value(self) -> builtins.int: ..."
    if kind.path == "DataType":
        yield f"{indent}@property\n{indent}def itemsize(self) -> builtins.int: ..."


def _function(
    name: str, overloads: tuple[Overload, ...], surface: Surface, indent: str, *, is_method: bool
) -> Iterator[str]:
    if not overloads:
        yield f"{indent}def {name}({'self, ' if is_method else ''}*args: Any, **named: Any) -> Any: ..."
    for overload in overloads:
        if len(overloads) > 1:
            yield f"{indent}@overload"
        parameters = _parameters(overload, surface, is_method)
        yield f"{indent}def {name}({parameters}) -> {_given(overload, surface)}: ..."


def _parameters(overload: Overload, surface: Surface, is_method: bool) -> str:
    written, has_default = (["self"] if is_method else []), False
    for number, parameter in enumerate(overload.params):
        has_default = has_default or parameter.default is not None
        name = parameter.name if not keyword.iskeyword(parameter.name) else f"parameter_{number}"
        optional = " | None" if parameter.default == "None" else ""
        # 8.6 has parameters with a default before others without; whoever calls those must name them.
        default = " = ..." if has_default else ""
        written.append(f"{name}: {_spelled(parameter.type, TAKEN, surface)}{optional}{default}")
    return ", ".join(written)


def _given(overload: Overload, surface: Surface) -> str:
    return _spelled(overload.returns, GIVEN, surface) + (" | None" if overload.none else "")


def _property(name: str, found: Property, surface: Surface, indent: str) -> Iterator[str]:
    yield f"{indent}@property"
    yield f"{indent}def {name}(self) -> {_spelled(found.get, GIVEN, surface)}: ..."
    if found.set is not None:
        optional = " | None" if found.set in surface.classes and found.set not in surface.enums else ""
        yield f"{indent}@{name}.setter"
        yield f"{indent}def {name}(self, value: {_spelled(found.set, TAKEN, surface)}{optional}) -> None: ..."


def _spelled(kind: str, table: dict[str, str], surface: Surface) -> str:
    """A type as the stub writes it: builtins by their full name, as the module has a `bool` of its own."""
    if kind in table:
        return table[kind]
    if kind in BUILTIN:
        return f"builtins.{kind}"
    if kind in surface.classes:
        return kind
    generic = re.fullmatch(r"(list|tuple)\[(.+)\]", kind)
    if not generic:
        return "Any"
    inner = ", ".join(_spelled(part.strip(), table, surface) for part in _split(generic[2]))
    if generic[1] == "list":
        return f"Sequence[{inner}]" if table is TAKEN else f"builtins.list[{inner}]"
    return f"builtins.tuple[{inner}]"


def _split(text: str) -> list[str]:
    parts, depth, last = [], 0, 0
    for position, letter in enumerate(text):
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth == 0:
            parts.append(text[last:position])
            last = position + 1
    return [*parts, text[last:]]

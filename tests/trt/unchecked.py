"""What types cannot say: a False or None that nobody looks at, and enum values written as numbers.

A return counts as looked at if it stands in a condition, is compared, returned or handed to a function, or
is kept in a name that is, somewhere below in the same function. That a condition does the right thing is for
tests to show.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.trt.double.surface import Surface

OWNERS = (
    "Builder", "IBuilderConfig", "OnnxParser", "OnnxParserRefitter", "Runtime", "ICudaEngine",
    "IExecutionContext", "ITimingCache", "Refitter",
)  # fmt: skip
"""Classes whose calls fail by what they return."""

QUERIES = ("get_", "is_", "are_", "supports_", "can_run", "binding_is")
"""Beginnings of calls that only answer a question, unless they return an object or None."""

COMMON = ("reset", "update", "execute")
"""Names of calls that dictionaries, hashes and much else has, too."""

HANDED_ON = ("_v3", "_address", "_network", "_engine", "_context", "_shape")
"""Endings of names that nothing else has: such a method is TensorRT's even where it is not called."""

FLAGGED = ("create_network", "set_tactic_sources")
"""Calls that take flags as one number."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One place, as a compiler prints it."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


def faults(path: Path, shown: str, surfaces: Iterable[Surface]) -> list[Fault]:
    """All faults in the file at `path`, in the order of its lines, held against these versions."""
    tree = ast.parse(path.read_text())
    file = _File(tree, Calls(list(surfaces)))
    return sorted((Fault(shown, line, text) for line, text in file.all()), key=lambda fault: fault.line)


class Calls:
    """What the versions say of calls: which ones may fail, and which names are enums."""

    def __init__(self, surfaces: list[Surface]) -> None:
        self.failing: dict[str, str] = {}
        self.surfaces = surfaces
        self.enums = {path.rpartition(".")[2] for surface in surfaces for path in surface.enums}
        self.names: set[str] = set()
        for surface in surfaces:
            for path, kind in surface.classes.items():
                self.names |= kind.names | {path}
                if path in OWNERS:
                    self._add(kind.methods)

    def _add(self, methods: object) -> None:
        for name, overloads in methods.items():
            if name in COMMON:
                continue
            if any(overload.none for overload in overloads):
                self.failing[name] = "None"
            elif any(overload.returns == "bool" for overload in overloads) and not name.startswith(QUERIES):
                self.failing[name] = "False"


class _File:
    """A parsed file, with every node's parent."""

    def __init__(self, tree: ast.Module, calls: Calls) -> None:
        self.tree = tree
        self.calls = calls
        self.parent = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}

    def all(self) -> Iterator[tuple[int, str]]:
        aliases = set(self._aliases())
        yield from self._flag_functions()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute):
                yield from self._missing(node, aliases)
                yield from self._handed_on(node)
            if isinstance(node, ast.Call):
                yield from self._unlooked(node)
                yield from self._numbers(node)
                yield from self._hidden(node)

    def _aliases(self) -> Iterator[str]:
        """What the module is called here."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (name.asname or name.name for name in node.names if name.name == "tensorrt")

    def _missing(self, node: ast.Attribute, aliases: set[str]) -> Iterator[tuple[int, str]]:
        """`trt.A.B` that is not there; types do not see it where they take the line for unreachable."""
        path = ast.unparse(node).split(".")
        if path[0] in aliases and all(part.isidentifier() for part in path):
            for surface in self.calls.surfaces:
                if not surface.has(path[1:]):
                    yield node.lineno, f"{'.'.join(path)} is not there"

    def _unlooked(self, call: ast.Call) -> Iterator[tuple[int, str]]:
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in self.calls.failing:
            return
        name, failure = call.func.attr, self.calls.failing[call.func.attr]
        if not self._is_looked_at(call):
            yield call.lineno, f"{name} may return {failure}, which is not looked at"

    def _handed_on(self, node: ast.Attribute) -> Iterator[tuple[int, str]]:
        """A method that is kept instead of called: what it returns cannot be followed."""
        parent = self.parent[node]
        is_called = isinstance(parent, ast.Call) and parent.func is node
        is_ours = node.attr in self.calls.failing and node.attr.endswith(HANDED_ON)
        if is_ours and not is_called and isinstance(node.ctx, ast.Load):
            yield node.lineno, f"{node.attr} is not called here, so its answer may not be looked at"

    def _is_looked_at(self, node: ast.AST) -> bool:
        parent = self.parent[node]
        if isinstance(parent, (ast.Expr, ast.Attribute, ast.Subscript)):
            return False
        if isinstance(parent, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
            targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
            if isinstance(parent, ast.NamedExpr):
                return self._is_looked_at(parent)
            return all(self._name_is_looked_at(target, parent) for target in targets)
        if isinstance(parent, (ast.withitem, ast.Tuple, ast.Starred, ast.IfExp, ast.Await)):
            return not isinstance(parent, ast.withitem) and (
                (isinstance(parent, ast.IfExp) and parent.test is node) or self._is_looked_at(parent)
            )
        return True

    def _name_is_looked_at(self, target: ast.expr, assignment: ast.stmt) -> bool:
        """Whether what was assigned is in a condition, comparison, call, return or yield of the function."""
        wanted = ast.dump(target).replace("Store()", "Load()")
        for node in ast.walk(self._function_of(assignment)):
            if isinstance(node, (ast.Name, ast.Attribute)) and node.lineno >= assignment.lineno:
                same = isinstance(node.ctx, ast.Load) and ast.dump(node) == wanted
                if same and self._is_condition(node):
                    return True
        return False

    def _is_condition(self, node: ast.AST) -> bool:
        parent = self.parent[node]
        if isinstance(parent, (ast.If, ast.While, ast.IfExp, ast.Assert)):
            return parent.test is node
        if isinstance(parent, ast.Call):
            return node in parent.args or any(node is keyword.value for keyword in parent.keywords)
        return isinstance(parent, (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Return, ast.Yield))

    def _function_of(self, node: ast.AST) -> ast.AST:
        while not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Module)):
            node = self.parent[node]
        return node

    def _numbers(self, call: ast.Call) -> Iterator[tuple[int, str]]:
        """Flags as a literal; an enum made of one."""
        if isinstance(call.func, ast.Attribute) and call.func.attr in FLAGGED:
            for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
                yield from self._wrong_flags(argument, call.lineno, call.func.attr)
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        is_enum = name in self.calls.enums and isinstance(call.func.value, ast.Name)
        if is_enum and any(isinstance(argument, ast.Constant) for argument in call.args):
            yield call.lineno, f"{name} is made of a number; versions number its members apart"

    def _flag_functions(self) -> Iterator[tuple[int, str]]:
        """What functions called …flags return, as they are called in other files."""
        for function in ast.walk(self.tree):
            if isinstance(function, ast.FunctionDef) and function.name.endswith("flags"):
                for node in ast.walk(function):
                    if isinstance(node, ast.Return) and node.value is not None:
                        yield from self._wrong_flags(node.value, node.lineno, function.name)

    def _wrong_flags(self, flags: ast.expr, line: int, where: str) -> Iterator[tuple[int, str]]:
        parts = list(self._parts(flags))
        if any(_is_number_of_a_flag(part, self.parent) for part in parts):
            yield line, f"{where} is given a number for a flag; versions number them apart"
        if any(_is_unshifted_flag(part, self.parent) for part in parts):
            yield line, f"{where} is given a flag that is not shifted: 1 << int(FLAG)"

    def _parts(self, argument: ast.expr) -> Iterator[ast.AST]:
        """The expression, and those that names in it were assigned, anywhere in the file."""
        seen: set[str] = set()
        waiting: list[ast.AST] = [argument]
        while waiting:
            for node in ast.walk(waiting.pop()):
                yield node
                if isinstance(node, ast.Name) and node.id not in seen:
                    seen.add(node.id)
                    waiting += [
                        found.value
                        for found in ast.walk(self.tree)
                        if isinstance(found, (ast.Assign, ast.AnnAssign, ast.AugAssign))
                        and found.value is not None
                        and any(isinstance(t, ast.Name) and t.id == node.id for t in _targets(found))
                    ]

    def _hidden(self, call: ast.Call) -> Iterator[tuple[int, str]]:
        """getattr with a name and no default is an attribute that types do not see."""
        if isinstance(call.func, ast.Name) and call.func.id in ("getattr", "setattr", "hasattr"):
            name = call.args[1] if len(call.args) > 1 else None
            known = isinstance(name, ast.Constant) and name.value in self.calls.names
            if known and (call.func.id == "setattr" or (call.func.id == "getattr" and len(call.args) == 2)):
                yield (
                    call.lineno,
                    f"{call.func.id} hides {name.value} from the check; write it as an attribute",
                )


def _targets(node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _is_unshifted_flag(node: ast.AST, parent: dict[ast.AST, ast.AST]) -> bool:
    """`int(FLAG)` that is a bit's number, used as if it were the bit."""
    is_int = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "int"
    if not is_int or not any(isinstance(argument, ast.Attribute) for argument in node.args):
        return False
    above = parent[node]
    return not (isinstance(above, ast.BinOp) and isinstance(above.op, ast.LShift) and above.right is node)


def _is_number_of_a_flag(node: ast.AST, parent: dict[ast.AST, ast.AST]) -> bool:
    """A literal other than 0, and other than the 1 of `1 << int(FLAG)`."""
    if not isinstance(node, ast.Constant) or isinstance(node.value, bool) or not isinstance(node.value, int):
        return False
    above = parent[node]
    is_shifted = isinstance(above, ast.BinOp) and isinstance(above.op, ast.LShift) and above.left is node
    if is_shifted and node.value == 1:
        return isinstance(above.right, ast.Constant)
    return node.value != 0 and not isinstance(above, (ast.Subscript, ast.Compare, ast.Tuple))

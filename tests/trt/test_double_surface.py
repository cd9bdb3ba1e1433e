"""The double offers what the real bindings of its version offer, no more, and nothing else than they."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.trt import doubles, versions
from tests.trt.double.surface import Surface

if TYPE_CHECKING:
    from collections.abc import Callable

LIST = """
import json, tensorrt as trt

def names(kind, path):
    found = {path: sorted(n for n in dir(kind) if not n.startswith("_"))}
    for name in found[path]:
        inner = getattr(kind, name)
        if isinstance(inner, type) and inner.__qualname__ == f"{path}.{name}":
            found |= names(inner, inner.__qualname__)
    return found

classes = {}
for name in dir(trt):
    value = getattr(trt, name)
    if isinstance(value, type) and not name.startswith("_"):
        classes |= names(value, name)
numbers = {p: {m: int(v) for m, v in getattr(trt, p).__members__.items()} for p in classes
           if "." not in p and hasattr(getattr(trt, p), "__members__")}
docs = {p: {n: getattr(getattr(trt, p), n).__doc__ for n in found
            if callable(getattr(getattr(trt, p), n)) and not isinstance(getattr(getattr(trt, p), n), type)}
        for p, found in classes.items() if "." not in p}
print(json.dumps({"classes": classes, "numbers": numbers, "docs": docs,
                  "module": [n for n in dir(trt) if not n.startswith("_")], "version": trt.__version__}))
"""

REAL = """
import ctypes, sys
from pathlib import Path
folder = Path(sys.argv[1])
for library in sorted((folder / "lib").glob("*.so*")):
    ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
sys.path.insert(0, str(folder))
import tensorrt_bindings
sys.modules["tensorrt"] = tensorrt_bindings
"""

LEFT_LYING = {
    "ctypes", "os", "sys", "warnings", "tensorrt", "common_enter", "common_exit", "plugin", "attr",
}  # fmt: skip
"""What the real package's own __init__ leaves behind and nobody is to use."""


def test_same_names_numbers_and_signatures_as_the_real_bindings(
    version: str, run_in_double: Callable[..., str]
):
    """Both are imported, each in a process of its own, and list what they have."""
    double = json.loads(run_in_double(version, LIST))
    done = subprocess.run(
        [sys.executable, "-c", REAL + LIST, str(versions.folder(version))],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    real = json.loads(done.stdout)
    assert double["version"] == real["version"] == version
    assert double["numbers"] == real["numbers"]
    assert set(double["module"]) - LEFT_LYING == set(real["module"]) - LEFT_LYING
    assert double["classes"].keys() == real["classes"].keys()
    for path, names in real["classes"].items():
        if path != "IHostMemory":  # which derives from bytes; the next test looks at it
            assert double["classes"][path] == names, path
    _check_signatures(double["docs"], Surface.load(versions.surface_file(version)))


def _check_signatures(docs: dict[str, dict[str, str]], surface: Surface) -> None:
    """Calls are checked against the overloads read from the bindings, which are the docstrings, too."""
    for name, functions in docs.items():
        kind = surface.classes[surface.aliases.get(name, name)]
        for function, text in functions.items():
            if function in kind.methods:
                assert text == "\n".join(map(str, kind.methods[function])), f"{name}.{function}"


def test_behaviours_take_the_parameters_that_the_version_has(version: str, run_in_double: Callable[..., str]):
    """A method of ours is called with the real names of parameters, so it must know those of one overload."""
    script = """
import inspect, tensorrt
from tensorrt._double import package
from tensorrt._double.world import WORLD, Behaviour
checked = 0
found = [value for module in package.MODULES for value in vars(module).values() if isinstance(value, type)]
for kind in (kind for kind in set(found) if issubclass(kind, Behaviour)):
    surface = WORLD.surface.classes.get(kind.path)
    for name, overloads in (surface.methods if surface else {}).items():
        written = getattr(kind, name, None)
        if written is not None:
            known = [p for p in inspect.signature(written).parameters if p != "self"]
            checked += 1
            if not any(all(p.name in known or p.name.startswith("arg") for p in o.params) for o in overloads):
                print(kind.path, name, known)
assert checked > 70, checked
"""
    assert run_in_double(version, script) == ""


def test_what_a_version_lacks_is_an_attribute_error(run_in_double: Callable[..., str]):
    script = """
import tensorrt as trt
builder = trt.Builder(trt.Logger())
config = builder.create_builder_config()
for act in ("trt.BuilderFlag.FP16", "trt.IInt8EntropyCalibrator2", "builder.platform_has_fast_fp16",
            "config.int8_calibrator", "config.progress_monitor"):
    try:
        eval(act)
        print(act, "is there")
    except AttributeError:
        print(act, "is not")
try:
    config.int8_calibrator = None
except AttributeError:
    print("cannot be set")
"""
    newest = run_in_double(versions.VERSIONS[-1], script).splitlines()
    assert newest == [
        "trt.BuilderFlag.FP16 is not",
        "trt.IInt8EntropyCalibrator2 is not",
        "builder.platform_has_fast_fp16 is not",
        "config.int8_calibrator is not",
        "config.progress_monitor is there",
        "cannot be set",
    ]
    oldest = run_in_double(versions.VERSIONS[0], script).splitlines()
    assert [line.rpartition(" ")[2] for line in oldest] == ["there", "there", "there", "there", "not"]


def test_arguments_are_checked_as_pybind11_does(version: str, run_in_double: Callable[..., str]):
    script = """
import tensorrt as trt
from pathlib import Path
builder = trt.Builder(trt.Logger())
network, config = builder.create_network(0), builder.create_builder_config()
parser = trt.OnnxParser(network, trt.Logger())
wrong = ["parser.parse_from_file(Path('x'))", "config.set_flag(6)", "builder.create_network(1.0)",
    "trt.Builder()", "trt.IBuilderConfig()", "builder.create_network(0, 0)", "builder.create_network(flag=0)",
    "trt.Builder(None)", "1 << trt.BuilderFlag.TF32", "trt.Runtime(3)", "config.create_timing_cache('')",
    "config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE)", "config.set_timing_cache(None, False)"]
for act in wrong:
    try:
        eval(act)
        print(act, "went through")
    except TypeError:
        pass
class Silent(trt.ILogger):
    def __init__(self): pass
try:
    Silent()
    print("went through")
except TypeError as error:
    assert "must be called when overriding __init__" in str(error)
assert trt.BuilderFlag.TF32 != int(trt.BuilderFlag.TF32)
"""
    assert run_in_double(version, script) == ""


def test_host_memory_is_memory_and_nothing_else(run_in_double: Callable[..., str]):
    script = """
import tensorrt as trt, io
cache = trt.Builder(trt.Logger()).create_builder_config().create_timing_cache(b"")
memory = cache.serialize()
assert memory.nbytes == len(bytes(memory)) == len(memoryview(memory)) == io.BytesIO().write(memory) > 0
for act in ("len(memory)", "memory[0]", "list(memory)", "memory + b''", "memory.decode()"):
    try:
        eval(act)
        print(act, "went through")
    except (TypeError, AttributeError):
        pass
"""
    assert run_in_double(versions.VERSIONS[0], script) == ""


def test_it_is_found_as_an_installed_package(run_in_double: Callable[..., str]):
    script = "import importlib.metadata as m; print(m.version('tensorrt'))"
    version = versions.VERSIONS[1]
    assert run_in_double(version, script).strip() == version
    assert (doubles.double_folder(version) / "tensorrt" / "__init__.py").is_file()

"""A machine with TensorRT: the double, a GPU in name only, a model, and a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import onnx
import pytest
from onnx import TensorProto, helper

from rtseg.cuda.device import Gpu
from rtseg.cuda.libcuda import libcuda as loaded_libcuda
from rtseg.model import Model
from rtseg.tensorrt.cache import plan_for
from rtseg.tensorrt.options import BuildOptions
from tests.cuda.nvcc_double import FOLDER_VARIABLES, nvcc_double
from tests.models import metadata, model_of, save
from tests.trt.doubles import double_folder
from tests.trt.install import NotAvailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from rtseg.tensorrt.building import Watcher
    from rtseg.tensorrt.plan import Plan

STANDIN = Path(__file__).parent / "standin"
NEWEST = "10.13.3.9"

LIBRARY = """
#include <stddef.h>
int cuInit(unsigned flags) { return 100; }
int cuCtxPushCurrent_v2(void *context) { return 0; }
int cuCtxPopCurrent_v2(void **context) { return 0; }
int cuMemGetInfo_v2(size_t *available, size_t *total) { return 0; }
"""
"""As much of libcuda as is called past pycuda; for everything else there is no GPU, only its name."""


@pytest.fixture(scope="session")
def libcuda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a libcuda.so.1 that does nothing."""
    folder = tmp_path_factory.mktemp("libcuda")
    (folder / "cuda.c").write_text(LIBRARY)
    command = ["cc", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", "libcuda.so.1", "cuda.c"]
    subprocess.run(command, cwd=folder, check=True)
    return folder


@dataclass
class Machine:
    """A machine with one version of TensorRT and one GPU; `set` changes it.

    Attributes:
        folder: the machine's disk.
        model: its model file.
        notices: what it said.
    """

    monkeypatch: pytest.MonkeyPatch
    folder: Path
    model: Path
    notices: list[str] = field(default_factory=list)
    version: str = NEWEST
    gpu: str = "NVIDIA GeForce RTX 4070/8.9"
    control: str = ""

    def set(self, **changes: str) -> None:
        """Install another version, put in another GPU, or have something go wrong."""
        for name, value in changes.items():
            setattr(self, name, value)
        try:
            double = double_folder(self.version)
        except NotAvailable as error:
            if os.environ.get("CI"):
                pytest.fail(str(error))
            pytest.skip(str(error))
        path = [str(double), str(STANDIN), *(entry for entry in sys.path if entry)]
        self.monkeypatch.setattr(sys, "path", path)
        # Here only the version is asked for; the real double is for the child processes, one version each.
        bindings = SimpleNamespace(__version__=self.version, Builder=object)
        self.monkeypatch.setitem(sys.modules, "tensorrt", bindings)
        self.monkeypatch.setenv("RTSEG_TEST_GPU", self.gpu)
        self.monkeypatch.setenv("TENSORRT_DOUBLE", ",".join(filter(None, [f"gpu={self.gpu}", self.control])))

    def shadow(self, module: str, code: str) -> None:
        """Put another module in the place of one of pycuda's."""
        package = self.folder / "shadow" / "pycuda"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / f"{module}.py").write_text(code + "\n")
        self.monkeypatch.setattr(sys, "path", [str(package.parent), *sys.path])

    def facts(self) -> Gpu:
        """What its GPU says of itself."""
        name, _, capability = self.gpu.partition("/")
        major, _, minor = capability.partition(".")
        return Gpu(0, name, (int(major), int(minor)), 8 << 30, name == "Orin", "12.4")

    def plan(self, *, trust: bool = False, watcher: Watcher | None = None, **options: Any) -> Plan:
        """Have the plan of the model."""
        return plan_for(
            Model.read(self.model),
            self.facts(),
            BuildOptions(**options),
            notice=self.notices.append,
            trust=trust,
            watcher=watcher,
        )

    def command(self, *arguments: object) -> list[str]:
        """`rtseg` with these arguments."""
        return [sys.executable, "-m", "rtseg", *map(str, arguments)]

    def environment(self) -> dict[str, str]:
        """For a child process."""
        return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}

    def rtseg(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run the command in a process of its own."""
        return subprocess.run(
            self.command(*arguments), env=self.environment(), cwd=self.folder, capture_output=True,
            text=True, timeout=100, check=False,
        )  # fmt: skip

    def left(self) -> list[str]:
        """Names of what lies beside the model."""
        return sorted(path.name for path in self.model.parent.iterdir())


@pytest.fixture(scope="session")
def nvcc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an nvcc that costs nothing: what kernels do is tested in tests/cuda."""
    return nvcc_double(tmp_path_factory.mktemp("nvcc"))


@pytest.fixture(autouse=True)
def _own_pycuda() -> Iterator[None]:
    """The stand-in goes with the test: others want the real one, and the driver that they load themselves."""
    real = _without_pycuda()
    yield
    _without_pycuda()
    loaded_libcuda.cache_clear()
    sys.modules.update(real)


def _without_pycuda() -> dict[str, ModuleType]:
    """Forget what was imported of pycuda; returns it."""
    names = [name for name in sys.modules if name.partition(".")[0] == "pycuda"]
    return {name: sys.modules.pop(name) for name in names}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, libcuda: Path, nvcc: Path) -> Machine:
    """TensorRT 10 and a desktop GPU."""
    monkeypatch.setenv("LD_LIBRARY_PATH", str(libcuda))
    monkeypatch.setenv("PATH", f"{nvcc}:{os.environ['PATH']}")
    for name in FOLDER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    model = save(tiny_model(), tmp_path / "models" / "m.onnx", metadata("fp32", (6, 8)))
    machine = Machine(monkeypatch, tmp_path, model)
    machine.set()
    return machine


@pytest.fixture
def other_model(machine: Machine) -> Callable[[], None]:
    """Makes the machine's model another one of the same name."""

    def change() -> None:
        save(tiny_model((8, 8)), machine.model, metadata("fp32", (8, 8)))

    return change


def tiny_model(size: tuple[int, int] = (6, 8)) -> onnx.ModelProto:
    """A model that TensorRT takes: uint8 comes from a floating-point type."""
    height, width = size
    nodes = [
        helper.make_node("Cast", ["image"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Relu", ["levels"], ["colours"]),
        helper.make_node("ArgMax", ["colours"], ["strongest"], axis=3, keepdims=0),
        helper.make_node("Cast", ["strongest"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["numbers"], ["labels"], to=TensorProto.UINT8),
    ]
    return model_of(
        nodes,
        helper.make_tensor_value_info("image", TensorProto.UINT8, [1, height, width, 3]),
        helper.make_tensor_value_info("labels", TensorProto.UINT8, [1, height, width]),
    )


def header_of(content: bytes) -> dict[str, Any]:
    """What the double wrote at the head of a plan."""
    start = content.index(b"{")
    found: dict[str, Any] = json.JSONDecoder().raw_decode(content[start : start + 4096].decode("latin-1"))[0]
    return found

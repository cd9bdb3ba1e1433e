"""The runtimes are imported in one place, and neither reports to its maker."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import rtseg
from rtseg.errors import MissingDependencyError
from rtseg.runtimes import load_onnxruntime, load_openvino
from tests.models import metadata, save, strongest_colour

if TYPE_CHECKING:
    from collections.abc import Iterator

SPY = """
import sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        print("network:", event, flush=True)

sys.addaudithook(watch)
from rtseg.backends import backend_class
from rtseg.model import Model

with backend_class(sys.argv[1])(Model.read(sys.argv[2])) as backend:
    print("ran on", backend.device)
"""


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_nothing_is_sent_and_nothing_of_theirs_is_left_at_home(tmp_path, backend):
    model = save(strongest_colour(), tmp_path / "m.onnx", metadata("fp32", (6, 8)))
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "XDG_CACHE_HOME")}
    # Should a runtime try all the same, it gets no further than this machine.
    environment |= {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1", "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", SPY, backend, str(model)],
        env=environment,
        cwd=Path(rtseg.__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "ran on" in done.stdout
    assert "network" not in done.stdout
    left = [path for path in home.rglob("*") if path.is_file()]
    assert {path.parent for path in left} <= {home / ".cache" / "rtseg" / "openvino"}  # ours


@pytest.mark.parametrize(
    ("library", "load"), [("openvino", load_openvino), ("onnxruntime", load_onnxruntime)]
)
def test_a_missing_runtime_is_said_with_the_command_that_installs_it(monkeypatch, library, load):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependencyError, match=f"pip install {library}$"):
        load()


def test_loading_leaves_the_environment_as_it_was(monkeypatch):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "")
    load_onnxruntime()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == ""
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY")
    load_onnxruntime()
    assert "ORT_DISABLE_TELEMETRY" not in os.environ


def test_no_other_module_imports_them():
    package = Path(rtseg.__file__).parent
    importers = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if {"onnxruntime", "openvino", "tensorrt", "pycuda"}
        & {name.split(".")[0] for name in imported(ast.parse(path.read_text()))}
    ]
    assert importers == []


def imported(node: ast.AST) -> Iterator[str]:
    """Names of the modules imported at or below `node`, but for those that only type checkers import."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        yield node.module or ""
    elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
        for child in ast.iter_child_nodes(node):
            yield from imported(child)

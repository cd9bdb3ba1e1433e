"""`rtseg bench --backend tensorrt`, with the emulated driver, the real pycuda and TensorRT's double."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.backends.gpu import gpu_environment
from tests.films import make_film
from tests.models import metadata, save
from tests.tensorrt_build.conftest import tiny_model

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (48, 64)
RUN = """
from rtseg.bench import bench, film
bench.ROUNDS, bench._LEAST_S, film.LEAST_FRAMES = 2, 0.2, 30
from rtseg.cli import main
main()
"""

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pycuda") is None, reason="needs pycuda, which `make test` installs where it can"
)


def test_tensorrt_is_measured_in_the_terms_of_trtexec(tmp_path: Path):
    books, target = tmp_path / "books.json", tmp_path / "a.json"
    environ = gpu_environment(tmp_path, name="NVIDIA Test GPU", report=books)
    save(tiny_model(SIZE), tmp_path / "models" / "fp16.onnx", metadata("fp16", SIZE))
    film = make_film(tmp_path / "in.mp4", frames=20)
    command = ["bench", film, "--backend", "tensorrt", "--model", tmp_path / "models", "--precision", "fp16"]
    done = subprocess.run(
        [sys.executable, "-c", RUN, *map(str, command), "--seconds", "1", "--report", str(target)],
        env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(target.read_text())["results"]
    latency = result["engine"]["latency"]
    assert latency["settings"]["transfers"] == "on, copied"
    assert latency["settings"]["cuda_graph"] == "on"
    terms = latency["trtexec"]
    parts = sum(terms[f"{kind}_ms"]["mean"] for kind in ("h2d", "compute", "d2h"))
    assert terms["latency_ms"]["mean"] == pytest.approx(parts)
    assert terms["latency_ms"]["mean"] <= latency["ms"]["mean"]
    assert result["engine"]["throughput"]["settings"]["streams"] > 1
    assert result["pipeline_fps"] > 0
    assert "as trtexec" in done.stdout
    found = json.loads(books.read_text())
    assert found["violations"] == []
    assert not any(found["live"].values()), found["live"]

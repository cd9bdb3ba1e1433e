"""What each network of the family costs at INT8, in turns in one run: engine, pipeline, memory."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import torch
from throughput import OURS, write_clip

from rtseg.backends import backend_class, backend_for
from rtseg.classes import CAMVID
from rtseg.report import cores, environment
from rtseg.tensorrt.onnx_file import weights_as_float
from rtseg.training import checkpoint
from rtseg.training.data import LabelledFolder
from rtseg.training.export import export_model
from rtseg.training.insert_qdq import activation_edges, int8_from_float
from rtseg.training.nets import NETS, build, encoders_of
from rtseg.training.onnx_files import metadata_of, save, set_metadata

if TYPE_CHECKING:
    from rtseg.backends.base import Backend

ROUNDS, INFERENCES, FRAMES = 9, 10, 200
ANY_RANGE = 6.0
"""Integer arithmetic takes the same time whatever it computes."""

MEMORY = """
import sys
from pathlib import Path
import numpy as np
import openvino
from rtseg.backends import backend_for
def resident_mb():
    # Not getrusage: a child begins with its parent's peak.
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024
openvino.Core().available_devices
before = resident_mb()
with backend_for("openvino", sys.argv[1], "int8", None) as backend:
    backend.infer(np.zeros((*backend.model.input_hw, 3), np.uint8))
    print(resident_mb() - before)
"""
"""FILE; prints megabytes."""


def measure_costs(data: Path, clip: str) -> dict[str, Any]:
    """Milliseconds of the engine, frames a second of `rtseg run` at 1280×720, and memory, by network."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        files = {net: untrained_int8(net, data, folder) for net in NETS}
        film = folder / "in.mp4"
        write_clip(clip, film, 1280, 720, FRAMES)
        engine = engine_ms(files)
        fps: dict[str, list[float]] = {net: [] for net in NETS}
        for _ in range(3):
            for net, file in files.items():
                fps[net].append(fps_of(film, folder / "out.mp4", file))
        memory = {net: memory_mb(file) for net, file in files.items()}
    return {
        "environment": environment("openvino", backend_class("openvino").version()) | {"cores": cores()},
        "nets": {
            net: {
                "engine_ms": round(engine[net], 2),
                "fps": round(statistics.median(fps[net]), 1),
                "memory_mb": round(memory[net]),
            }
            for net in NETS
        },
    }


def untrained_int8(net: str, data: Path, folder: Path) -> Path:
    """A file with the network's graph and made-up weights and ranges."""
    torch.manual_seed(0)
    made = build(net, encoders_of(net)[0], len(CAMVID), pretrained=False)
    weights, fp32, int8 = (folder / f"{net}{end}" for end in (".safetensors", "-fp32.onnx", "-int8.onnx"))
    description = {"net": net, "encoder": encoders_of(net)[0], "classes": list(CAMVID.names)}
    checkpoint.save(weights, made.state_dict(), description)
    few = LabelledFolder(data, "val", CAMVID, every=25)
    export_model(weights, fp32, precision="fp32", data=few, name=net, frames=len(few))
    model = weights_as_float(onnx.load(fp32))
    quantized = int8_from_float(model, dict.fromkeys(activation_edges(model), ANY_RANGE))
    set_metadata(quantized, {**metadata_of(model), "precision": "int8"})
    save(quantized, int8)
    return int8


def engine_ms(files: dict[str, Path]) -> dict[str, float]:
    """The median of the backend's own time, all files in turns."""
    rng = np.random.default_rng(0)
    measured: dict[str, list[float]] = {net: [] for net in files}
    with ExitStack() as opened:
        backends = {net: opened.enter_context(backend_of(file)) for net, file in files.items()}
        for _ in range(ROUNDS):
            for net, backend in backends.items():
                image = rng.integers(0, 256, (*backend.model.input_hw, 3), np.uint8)
                backend.infer(image)
                for _ in range(INFERENCES):
                    started = time.perf_counter()
                    backend.infer(image)
                    measured[net].append(time.perf_counter() - started)
    return {net: statistics.median(seconds) * 1e3 for net, seconds in measured.items()}


def backend_of(file: Path) -> Backend:
    """OpenVINO with a file."""
    return backend_for("openvino", str(file), "int8", None)


def fps_of(film: Path, out: Path, file: Path) -> float:
    """Frames a second of `rtseg run`, in a process of its own."""
    command = [sys.executable, "-c", OURS, str(film), str(out), "1", str(file)]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    fps: float = told["frames"] / told["seconds"]
    return fps


def memory_mb(file: Path) -> float:
    """By how much a process with OpenVINO has grown when it has labelled one image."""
    command = [sys.executable, "-c", MEMORY, str(file)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

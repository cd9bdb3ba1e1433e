"""How the double behaves: it reads and refuses as TensorRT does, and fails by None, False and a logged line.

Each test runs a script in a process of its own, as a process has one version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx.reference
import pytest

from rtseg.model import engines_dir
from tests.trt import onnx_files, versions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OLDEST, EARLY, LATE, NEWEST = versions.VERSIONS

HEAD = """
import sys
from pathlib import Path
import tensorrt as trt
from tensorrt._double.control import CONTROL

MAJOR = int(trt.__version__.split(".")[0])
lines = []

class Log(trt.ILogger):
    def __init__(self):
        trt.ILogger.__init__(self)
    def log(self, severity, msg):
        lines.append(f"{severity.name}: {msg}")

log = Log()

def said(text):
    found = [line for line in lines if text in line]
    assert found, (text, lines)
    lines.clear()

def network_of(builder, path, flags=None):
    names = trt.NetworkDefinitionCreationFlag
    if flags is None:
        flags = 1 << int(names.EXPLICIT_BATCH if MAJOR < 10 else names.STRONGLY_TYPED)
    network = builder.create_network(flags)
    parser = trt.OnnxParser(network, log)
    return network, parser, parser.parse_from_file(path)

def config_of(builder):
    config = builder.create_builder_config()
    if MAJOR < 10:
        config.set_flag(trt.BuilderFlag.FP16)
        config.set_flag(trt.BuilderFlag.INT8)
    return config

def plan_of(path, change=lambda config: None):
    builder = trt.Builder(log)
    network, parser, ok = network_of(builder, path)
    assert ok, lines
    config = config_of(builder)
    change(config)
    return builder.build_serialized_network(network, config)
"""


@pytest.fixture
def script(run_in_double: Callable[..., str]) -> Callable[..., str]:
    """Run a script after `HEAD`; it must print nothing but what the test expects."""

    def run(version: str, text: str, *arguments: object, control: str = "gpu=Orin/8.7") -> str:
        return run_in_double(version, HEAD + text, *arguments, control=control)

    return run


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of two nodes: uint8 in, thresholded, uint8 out."""
    return onnx_files.write(tmp_path_factory.mktemp("onnx") / "small.onnx")


def test_a_plan_is_built_and_read_again(version: str, small: Path, script: Callable[..., str]):
    text = """
plan = plan_of(sys.argv[1])
engine = trt.Runtime(log).deserialize_cuda_engine(plan)
names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
assert names == ["image", "labels"]
assert [engine.get_tensor_mode(n) for n in names] == [trt.TensorIOMode.INPUT, trt.TensorIOMode.OUTPUT]
assert tuple(engine.get_tensor_shape("image")) == (1, 4, 6, 3) and engine.num_layers == 3
assert engine.get_tensor_dtype("labels") == trt.DataType.UINT8 == trt.uint8
assert bytes(engine.serialize()) == bytes(plan)
assert not lines, lines
"""
    assert script(version, text, small) == ""


def test_the_shipped_files_are_taken(version: str, tmp_path: Path, script: Callable[..., str]):
    text = "for path in sys.argv[1:]: assert plan_of(path) is not None, lines"
    files = [onnx_files.shipped(precision, tmp_path) for precision in ("fp32", "fp16", "int8")]
    assert script(version, text, *files) == ""


def test_what_the_parser_does_not_take(version: str, tmp_path: Path, script: Callable[..., str]):
    text = """
builder = trt.Builder(log)
_, parser, ok = network_of(builder, sys.argv[1])
assert not ok and parser.num_errors == 1 and "middle" in parser.get_error(0).desc()
assert parser.get_error(0).node() == 1 and parser.get_error(1) is None
said("In node 1 with name: middle and operator: Det")
assert not network_of(builder, sys.argv[2])[2]
said("Failed to parse ONNX model")
assert not network_of(builder, "/nowhere.onnx")[2]
said("Failed to open file: /nowhere.onnx")
_, parser, ok = network_of(builder, sys.argv[3])
assert ok == (MAJOR >= 10)
"""
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    unknown = onnx_files.write(tmp_path / "unknown.onnx", operator="Det")
    newer = onnx_files.write(tmp_path / "newer.onnx", opset=19)
    assert script(version, text, unknown, broken, newer) == ""


def test_networks_of_each_kind(small: Path, script: Callable[..., str]):
    implicit = """
assert not network_of(trt.Builder(log), sys.argv[1], 0)[2]
said("explicit batch dimension")
"""
    assert script(OLDEST, implicit, small) == ""
    strong = """
builder = trt.Builder(log)
network, parser, ok = network_of(builder, sys.argv[1])
config = builder.create_builder_config()
config.set_flag(trt.BuilderFlag.FP16)
assert builder.build_serialized_network(network, config) is None
said("strongly typed")
network.get_input(0).dtype = trt.float32
said("isStronglyTyped")
assert network.get_input(0).dtype == trt.uint8
assert builder.create_network(1 << 30) is None
said("flags")
"""
    assert script(LATE, strong, small) == ""
    always = "assert network_of(trt.Builder(log), sys.argv[1], 0)[2]"
    assert script(NEWEST, always, small) == ""


def test_q_dq_needs_the_flag_where_types_are_weak(script: Callable[..., str]):
    text = """
builder = trt.Builder(log)
network, parser, ok = network_of(builder, sys.argv[1])
assert builder.build_serialized_network(network, builder.create_builder_config()) is None
said("INT8")
"""
    assert script(OLDEST, text, engines_dir() / "rtseg-m" / "int8.onnx") == ""


def test_a_plan_belongs_to_version_and_gpu(small: Path, tmp_path: Path, script: Callable[..., str]):
    load = """
def load(name, gpu="Orin/8.7", allowed=False):
    CONTROL.gpu = gpu
    runtime = trt.Runtime(log)
    runtime.engine_host_code_allowed = allowed
    return runtime.deserialize_cuda_engine((folder / name).read_bytes()) is not None
folder = Path(sys.argv[1])
"""
    build = """
def portable(config):
    config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
def ampere(config):
    config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.AMPERE_PLUS
for name, change in {"plain": lambda config: None, "portable": portable, "ampere": ampere}.items():
    (folder / name).write_bytes(bytes(plan_of(sys.argv[2], change)))
(folder / "cut").write_bytes((folder / "plain").read_bytes()[:-7])

assert load("plain") and not lines
assert not load("portable")
said("not allowed")
assert load("portable", allowed=True)
assert not load("plain", "RTX 4090/8.9")
said("expecting compute 8.7 got compute 8.9")
assert load("plain", "Orin Nano/8.7")
said("WARNING: Using an engine plan file across different models")
assert load("ampere", "RTX 4090/8.9") and not load("ampere", "Xavier/7.2")
said("expecting compute 8.7 got compute 7.2")
assert not load("cut")
said("Serialization")
"""
    newer = """
assert not load("plain")
said("expecting library version 10.3.0 got 11.4.0.106")
assert not load("portable")
said("not allowed")
assert load("portable", allowed=True)
"""
    older = """
assert not load("portable", allowed=True)
said("got 8.6.1")
"""
    for version, text in ((EARLY, build), (NEWEST, newer), (OLDEST, older)):
        assert script(version, load + text, tmp_path, small) == ""


FAILURES = {
    "parse": (0, "a failure that the test asked for"),
    "timing_cache": (1, "another device or version"),
    "build_memory": (2, "OutOfMemory"),
    "bad_plan": (3, "Serialization"),
    "wrong_version": (3, "not compatible with this version"),
    "wrong_gpu": (3, "incompatible device"),
    "engine_memory": (3, "OutOfMemory"),
    "context_memory": (4, "OutOfMemory"),
}
"""How far one comes, and what the logger is told."""


def test_failures_on_request(small: Path, script: Callable[..., str]):
    """None or False and a line, never an exception; and where they fail is where the name says."""
    text = """
def how_far():
    builder = trt.Builder(log)
    network, parser, ok = network_of(builder, sys.argv[1])
    if not ok:
        return 0
    config = config_of(builder)
    if not config.set_timing_cache(config.create_timing_cache(b""), False):
        return 1
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        return 2
    engine = trt.Runtime(log).deserialize_cuda_engine(plan)
    if engine is None:
        return 3
    return 4 if engine.create_execution_context() is None else 5

for word in sys.argv[2:]:
    CONTROL.read(f"gpu=Orin/8.7,fail={word}")
    lines.clear()
    print(word, how_far(), *lines)
CONTROL.read("gpu=Orin/8.7,fail=parse:2")
assert [how_far() for _ in range(4)] == [5, 5, 0, 0]
"""
    printed = script(EARLY, text, small, *FAILURES).splitlines()
    for (word, (step, sentence)), line in zip(FAILURES.items(), printed, strict=True):
        assert line.startswith(f"{word} {step} ")
        assert sentence in line


def test_without_a_gpu_there_is_no_builder(version: str, script: Callable[..., str]):
    text = """
for make in (trt.Builder, trt.Runtime):
    try:
        make(log)
    except TypeError as error:
        assert "nullptr" in str(error)
    said("CUDA initialization failure")
"""
    assert script(version, text, control="") == ""


def test_workspace_levels_and_dla(small: Path, script: Callable[..., str]):
    text = """
builder = trt.Builder(log)
network, parser, ok = network_of(builder, sys.argv[1])
config = builder.create_builder_config()
config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1 << 20)
assert config.get_memory_pool_limit(trt.MemoryPoolType.WORKSPACE) == 1 << 20
assert builder.build_serialized_network(network, config) is None
said("Could not find any implementation for node in")
config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1 << 26)
config.builder_optimization_level = 9
said("level <= 5")
assert config.builder_optimization_level == 3
config.default_device_type = trt.DeviceType.DLA
config.DLA_core = 1
assert builder.build_serialized_network(network, config) is None
said("is not supported on DLA")
config.set_flag(trt.BuilderFlag.GPU_FALLBACK)
plan = builder.build_serialized_network(network, config)
for core, told in ((0, 1), (1, 0)):
    CONTROL.violations.clear()
    runtime = trt.Runtime(log)
    runtime.DLA_core = core
    assert runtime.deserialize_cuda_engine(plan) is not None
    assert len(CONTROL.violations) == told
assert [config.can_run_on_DLA(network.get_layer(index)) for index in range(3)] == [False, True, False]
config.DLA_core = 2
assert builder.build_serialized_network(network, config) is None
said("DLA core 2")
"""
    control = "gpu=Orin/8.7,workspace_needed=4194304,dla_cores=2"
    assert script(EARLY, text, small, control=control) == ""


def test_timing_caches(small: Path, tmp_path: Path, script: Callable[..., str]):
    use = """
def use(gpu="Orin/8.7"):
    CONTROL.gpu = gpu
    config = trt.Builder(log).create_builder_config()
    cache = config.create_timing_cache(Path(sys.argv[1]).read_bytes())
    return config.set_timing_cache(cache, False), config.set_timing_cache(cache, True)
"""
    make = """
builder = trt.Builder(log)
network, parser, ok = network_of(builder, sys.argv[2])
config = config_of(builder)
assert config.get_timing_cache() is None
cache = config.create_timing_cache(b"")
assert config.set_timing_cache(cache, False)
empty = cache.serialize().nbytes
assert builder.build_serialized_network(network, config) is not None
assert config.get_timing_cache().serialize().nbytes > empty
Path(sys.argv[1]).write_bytes(bytes(config.get_timing_cache().serialize()))
assert use() == (True, True) and not lines
assert use("Orin Nano/8.7") == (False, True)
said("another device or version")
assert config.create_timing_cache(b"rubbish") is None
said("Serialization")
"""
    kept = tmp_path / "timing.cache"
    assert script(EARLY, use + make, kept, small) == ""
    assert script(NEWEST, use + "assert use() == (False, True)", kept) == ""


def test_progress_and_cancelling(small: Path, script: Callable[..., str]):
    """What a monitor raises is printed, swallowed, and taken for a no: as the bindings do."""
    text = """
class Monitor(trt.IProgressMonitor):
    def __init__(self, act):
        trt.IProgressMonitor.__init__(self)
        self.act, self.open, self.seen = act, [], []
    def phase_start(self, phase_name, parent_phase, num_steps):
        assert parent_phase is None and not self.open or parent_phase == self.open[-1]
        self.open.append(phase_name)
        self.seen.append((phase_name, num_steps))
    def step_complete(self, phase_name, step):
        assert phase_name in self.open and step >= 0
        return self.act()
    def phase_finish(self, phase_name):
        assert self.open.pop() == phase_name

def built(act):
    monitor = Monitor(act)
    plan = plan_of(sys.argv[1], lambda config: setattr(config, "progress_monitor", monitor))
    assert not monitor.open and ("Timing graph nodes", 3) in monitor.seen or act is not yes, monitor.seen
    return plan is not None

def yes():
    return True
def raises():
    raise KeyboardInterrupt
print(built(yes), built(lambda: False), built(raises))
assert not any(line.startswith("ERROR") for line in lines), lines
"""
    printed = script(EARLY, text, small)
    assert printed.splitlines()[0] == "True False False"
    assert "[ERROR] Exception caught in step_complete()" in printed


def test_what_a_logger_raises_is_swallowed(script: Callable[..., str]):
    text = """
class Bad(trt.ILogger):
    def __init__(self):
        trt.ILogger.__init__(self)
    def log(self, severity, msg):
        raise ValueError("no")
assert trt.Builder(Bad()).create_builder_config().create_timing_cache(b"rubbish") is None
"""
    assert script(LATE, text).strip() == "[ERROR] Exception caught in log(): no"


def test_the_parser_must_outlive_the_build(small: Path, script: Callable[..., str]):
    text = """
builder = trt.Builder(log)
network, parser, ok = network_of(builder, sys.argv[1])
builder.build_serialized_network(network, builder.create_builder_config())
assert CONTROL.violations == []
del parser
builder.build_serialized_network(network, builder.create_builder_config())
assert CONTROL.violations == ["the parser, which owns the weights, was dropped before the build"]
"""
    assert script(EARLY, text, small) == ""


def test_the_inspector(small: Path, script: Callable[..., str]):
    text = """
import json
plan = plan_of(sys.argv[1], lambda c: setattr(c, "profiling_verbosity", trt.ProfilingVerbosity.DETAILED))
inspector = trt.Runtime(log).deserialize_cuda_engine(plan).create_engine_inspector()
found = json.loads(inspector.get_engine_information(trt.LayerInformationFormat.JSON))
assert [layer["Name"] for layer in found["Layers"]] == ["in", "middle", "out"]
print(*(key for key in found if key != "Layers"))
plan = plan_of(sys.argv[1])
inspector = trt.Runtime(log).deserialize_cuda_engine(plan).create_engine_inspector()
found = json.loads(inspector.get_engine_information(trt.LayerInformationFormat.JSON))
assert found["Layers"] == ["in", "middle", "out"]
"""
    assert script(LATE, text, small).strip() == "Bindings"
    assert script(NEWEST, text, small).strip() == "I/O Tensors"


def test_small_file_is_what_the_tests_think(small: Path):
    session = onnx.reference.ReferenceEvaluator(str(small))
    image = np.arange(72, dtype=np.uint8).reshape(1, 4, 6, 3)
    assert np.array_equal(session.run(None, {"image": image})[0], image)

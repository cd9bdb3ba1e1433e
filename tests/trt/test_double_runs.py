"""Executions of the double on the emulated device, through the real pycuda: right ones and wrong ones."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.cuda.toolkit import why_missing
from tests.trt import onnx_files, versions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OLDEST, EARLY, LATE, NEWEST = versions.VERSIONS

HEAD = """
import json, sys, threading
import numpy as np
from tests.cuda.emulator import Emulator
emulator = Emulator()
emulator.configure(delay_us=300, quiet=True)
import pycuda.driver as cuda
import tensorrt as trt
from tensorrt._double.control import CONTROL

cuda.init()
MAJOR = int(trt.__version__.split(".")[0])
lines = []

class Log(trt.ILogger):
    def __init__(self):
        trt.ILogger.__init__(self)
    def log(self, severity, msg):
        lines.append(msg)

log = Log()

def plan_of(path):
    builder = trt.Builder(log)
    names = trt.NetworkDefinitionCreationFlag
    network = builder.create_network(1 << int(names.EXPLICIT_BATCH if MAJOR < 10 else names.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)
    assert parser.parse_from_file(path)
    config = builder.create_builder_config()
    if MAJOR < 10:
        config.set_flag(trt.BuilderFlag.FP16)
        config.set_flag(trt.BuilderFlag.INT8)
    plan = builder.build_serialized_network(network, config)
    assert plan is not None, lines
    return bytes(plan)

class Job:
    '''A context with buffers and a stream; to be made, used and closed with the CUDA context current.'''
    def __init__(self, engine):
        self.engine = engine
        self.context = engine.create_execution_context()
        shapes = [tuple(engine.get_tensor_shape(name)) for name in ("image", "labels")]
        self.image, self.labels = (cuda.pagelocked_empty(shape, np.uint8) for shape in shapes)
        self.on_device = [cuda.mem_alloc(buffer.nbytes) for buffer in (self.image, self.labels)]
        self.stream = cuda.Stream(flags=1)
        for name, memory in zip(("image", "labels"), self.on_device):
            assert self.context.set_tensor_address(name, int(memory))
    def upload(self):
        cuda.memcpy_htod_async(self.on_device[0], self.image, self.stream)
    def enqueue(self, stream=None):
        return self.context.execute_async_v3(int((stream or self.stream).handle))
    def download(self):
        cuda.memcpy_dtoh_async(self.labels, self.on_device[1], self.stream)
        self.stream.synchronize()
    def run(self, image):
        self.image[:] = image
        self.upload()
        assert self.enqueue(), lines
        self.download()
        return self.labels.copy()
    def close(self):
        self.stream.synchronize()
        self.context = None
        for memory in self.on_device:
            memory.free()
        self.stream = self.image = self.labels = None
"""


@pytest.fixture
def script(run_in_double: Callable[..., str]) -> Callable[..., str]:
    """Run a script after `HEAD`; it must print nothing but what the test expects."""
    missing = why_missing()
    if missing is not None:
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)

    def run(version: str, text: str, *arguments: object, control: str = "") -> str:
        return run_in_double(version, HEAD + text, *arguments, control=control)

    return run


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return onnx_files.write(tmp_path_factory.mktemp("onnx") / "small.onnx")


RIGHT = """
cuda_context = cuda.Device(0).retain_primary_context()
cuda_context.push()
runtime = trt.Runtime(log)
engine = runtime.deserialize_cuda_engine(plan_of(sys.argv[1]))
job = Job(engine)
rng = np.random.default_rng(1)
images = [rng.integers(0, 256, job.image.shape, np.uint8) for _ in range(5)]
for image in images[:2]:
    assert np.array_equal(job.run(image), image)

# A capture is launched as often as one likes, on what lies there then.
import ctypes
driver = ctypes.CDLL("libcuda.so.1")
graph, launchable = ctypes.c_void_p(), ctypes.c_void_p()
handle = ctypes.c_void_p(int(job.stream.handle))
assert driver.cuStreamBeginCapture_v2(handle, 1) == 0
job.upload()
assert job.enqueue()
cuda.memcpy_dtoh_async(job.labels, job.on_device[1], job.stream)
assert driver.cuStreamEndCapture(handle, ctypes.byref(graph)) == 0
assert driver.cuGraphInstantiateWithFlags(ctypes.byref(launchable), graph, ctypes.c_ulonglong(0)) == 0
for image in images[2:4]:
    job.image[:] = image
    assert driver.cuGraphLaunch(launchable, handle) == 0
    job.stream.synchronize()
    assert np.array_equal(job.labels, image)
assert driver.cuGraphExecDestroy(launchable) == driver.cuGraphDestroy(graph) == 0

class Profiler(trt.IProfiler):
    def __init__(self):
        trt.IProfiler.__init__(self)
        self.layers = []
    def report_layer_time(self, layer_name, ms):
        self.layers.append((layer_name, ms))

profiler = Profiler()
job.context.profiler = profiler
assert np.array_equal(job.run(images[4]), images[4])
assert [name for name, _ in profiler.layers] == ["in", "middle", "out"]
assert all(ms > 0 for _, ms in profiler.layers)
job.context.enqueue_emits_profile = False
job.run(images[4])
assert len(profiler.layers) == 3 and job.context.report_to_profiler() and len(profiler.layers) == 6

job.close()
del job, engine, runtime
cuda_context.pop()
cuda_context.detach()
assert lines == [] and CONTROL.violations == [], (lines, CONTROL.violations)
assert emulator.violations() == [], emulator.violations()
assert not any(emulator.live().values()), emulator.live()
"""


def test_executions_captures_and_profiles(version: str, small: Path, script: Callable[..., str]):
    assert script(version, RIGHT, small) == ""


@pytest.mark.parametrize(("version", "precision"), [(EARLY, "fp32"), (OLDEST, "fp16"), (NEWEST, "int8")])
def test_labels_are_those_of_onnx_runtime(
    version: str, precision: str, tmp_path: Path, script: Callable[..., str]
):
    """Bit by bit, with ONNX Runtime as the project opens it; two threads, each with a context of its own."""
    text = """
from rtseg.backends.onnxruntime import OnnxRuntimeBackend
from rtseg.model import Model

plan = plan_of(sys.argv[1])
cuda_context = cuda.Device(0).retain_primary_context()
cuda_context.push()
runtime = trt.Runtime(log)
engine = runtime.deserialize_cuda_engine(plan)
rng = np.random.default_rng(2)
coarse = rng.integers(0, 256, (2, 18, 24, 3), np.uint8)
images = coarse.repeat(20, 1).repeat(20, 2)
with OnnxRuntimeBackend(Model.read(sys.argv[1])) as backend:
    expected = [backend.infer(image) for image in images]
assert len(np.unique(expected)) > 3
wrong = []

def work(number):
    cuda_context.push()
    try:
        job = Job(engine)
        for image, labels in list(zip(images, expected))[number::2]:
            if not np.array_equal(job.run(image)[0], labels):
                wrong.append(number)
        job.close()
    finally:
        cuda_context.pop()

threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
del engine, runtime
cuda_context.pop()
cuda_context.detach()
assert wrong == [] and lines == [], (wrong, lines)
assert emulator.violations() == [], emulator.violations()
assert not any(emulator.live().values()), emulator.live()
"""
    assert script(version, text, onnx_files.shipped(precision, tmp_path)) == ""


WRONG = """
def no_address(job):
    other = job.engine.create_execution_context()
    assert other.set_tensor_address("image", int(job.on_device[0]))
    return other.execute_async_v3(int(job.stream.handle))

def unknown_name(job):
    return job.context.set_tensor_address("labls", int(job.on_device[1]))

def misaligned(job):
    return job.context.set_tensor_address("image", int(job.on_device[0]) + 4)

def wrong_shape(job):
    return job.context.set_input_shape("image", (2, 4, 6, 3))

def first_execution_captured(job):
    import ctypes
    driver, handle = ctypes.CDLL("libcuda.so.1"), ctypes.c_void_p(int(job.stream.handle))
    driver.cuStreamBeginCapture_v2(handle, 1)
    ok = job.enqueue()
    graph = ctypes.c_void_p()
    driver.cuStreamEndCapture(handle, ctypes.byref(graph))
    driver.cuGraphDestroy(graph)
    return ok

def no_cuda_context(job):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(job.enqueue()))
    thread.start()
    thread.join()
    return answers[0]

def host_memory(job):
    job.context.set_tensor_address("image", job.image.ctypes.data // 256 * 256)
    return job.enqueue()

def too_small(job):
    memory = cuda.mem_alloc(16)
    job.context.set_tensor_address("labels", int(memory))
    job.enqueue()
    job.stream.synchronize()

def on_two_streams_at_once(job):
    other = cuda.Stream(flags=1)
    job.enqueue()
    job.enqueue(other)
    job.stream.synchronize()
    other.synchronize()

def on_two_streams_in_order(job):
    other, event = cuda.Stream(flags=1), cuda.Event()
    job.enqueue()
    event.record(job.stream)
    other.wait_for_event(event)
    job.enqueue(other)
    other.synchronize()
    job.stream.synchronize()
    return True

def address_changed_meanwhile(job):
    emulator.configure(delay_us=20000)
    memory = cuda.mem_alloc(job.labels.nbytes)
    job.enqueue()
    job.context.set_tensor_address("labels", int(memory))
    job.stream.synchronize()
    memory.free()

def dropped_meanwhile(job):
    emulator.configure(delay_us=20000)
    job.enqueue()
    job.context = None
    job.stream.synchronize()

def dropped_without_a_cuda_context(job):
    job.stream.synchronize()
    thread = threading.Thread(target=lambda: setattr(job, "context", None))
    thread.start()
    thread.join()

def engine_dropped_before_its_context(job):
    engine = trt.Runtime(log).deserialize_cuda_engine(plan)
    context = engine.create_execution_context()
    del engine
    del context

def enqueue_refused(job):
    CONTROL.fail["enqueue"] = 1
    return [job.enqueue(), job.enqueue()] != [True, False]

def address_refused(job):
    CONTROL.fail["address"] = 0
    return job.context.set_tensor_address("image", int(job.on_device[0]))

def on_the_default_stream(job):
    return job.context.execute_async_v3(0)

plan = plan_of(sys.argv[1])
CASES = [no_address, unknown_name, misaligned, wrong_shape, first_execution_captured, no_cuda_context,
    host_memory, too_small, on_two_streams_at_once, on_two_streams_in_order, address_changed_meanwhile,
    dropped_meanwhile, dropped_without_a_cuda_context, engine_dropped_before_its_context, enqueue_refused,
    address_refused, on_the_default_stream]
found = {}
for case in CASES:
    emulator.reset()
    emulator.configure(quiet=True)
    cuda.init()
    CONTROL.reset()
    lines.clear()
    cuda_context = cuda.Device(0).retain_primary_context()
    cuda_context.push()
    engine = trt.Runtime(log).deserialize_cuda_engine(plan)
    job = Job(engine)
    if case is not first_execution_captured:
        job.image[:] = 7
        job.upload()
        job.stream.synchronize()
    answer = None
    try:
        answer = case(job)
        job.close()
    except cuda.Error:  # some of them break the device
        pass
    del job, engine
    cuda_context.pop()
    cuda_context.detach()
    kinds = sorted({violation.kind for violation in emulator.violations()})
    found[case.__name__] = [answer, lines[0] if lines else "", kinds]
print(json.dumps(found))
"""

CAUGHT = {
    "no_address": (False, "Address is not set for tensor labels", None),
    "unknown_name": (False, "Given invalid tensor name: labls", None),
    "misaligned": (False, "not 256-byte aligned", None),
    "wrong_shape": (False, "does not match the static dimensions", None),
    "first_execution_captured": (False, "run it once before the capture", None),
    "no_cuda_context": (False, "CUDA error 201", None),
    "host_memory": (True, "", "unmapped-host-pointer"),
    "too_small": (None, "", "out-of-range"),
    "on_two_streams_at_once": (None, "", "race"),
    "on_two_streams_in_order": (True, "", ""),
    "address_changed_meanwhile": (None, "", "tensorrt"),
    "dropped_meanwhile": (None, "", "freed-in-use"),
    "dropped_without_a_cuda_context": (None, "", "no-context"),
    "engine_dropped_before_its_context": (None, "", "tensorrt"),
    "enqueue_refused": (False, "a failure that the test asked for", ""),
    "address_refused": (False, "a failure that the test asked for", ""),
    "on_the_default_stream": (True, "Using default stream", None),
}
"""What the call returns, what the logger is told, and which violation is noted: "" for none at all."""


def test_wrong_use_is_caught(small: Path, script: Callable[..., str]):
    """A message of TensorRT's where it checks, a violation in the emulator's books where it does not."""
    printed = script(LATE, WRONG, small)
    found = json.loads(printed[printed.index("{") :].splitlines()[0])
    assert found.keys() == CAUGHT.keys()
    for name, (answer, line, kind) in CAUGHT.items():
        returned, logged, kinds = found[name]
        assert returned == answer, (name, found[name])
        assert line in logged, (name, found[name])
        assert kind is None or (kinds == [] if kind == "" else kind in kinds), (name, found[name])

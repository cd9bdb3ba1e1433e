"""The TensorRT backend on the emulated device, with the real pycuda: what it gives, survives and leaves."""

from __future__ import annotations

import math

import pytest

from rtseg.model import Model
from tests.backends.gpu import VERSION, assert_orderly, gpu_environment, run_script
from tests.cuda import real
from tests.models import metadata, save
from tests.tensorrt_build.conftest import tiny_model
from tests.trt import versions

HW = (6, 8)

EQUAL = """
model = Model.read(sys.argv[1])
images = images_for(model, int(sys.argv[2]))
threads = int(sys.argv[3])
differ = []

def work(first):
    for image in images[first::threads]:
        if not np.array_equal(backend.infer(image), reference.infer(image)):
            differ.append(first)

with opened(model, streams=threads) as backend, choose("onnxruntime")(model, threads=1) as reference:
    before = emulator.calls()
    workers = [threading.Thread(target=work, args=(first,)) for first in range(threads)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    calls = {api: count - before.get(api, 0) for api, count in emulator.calls().items()}
    facts = {"lanes": len(backend.lanes), "graphs": [lane.has_graph for lane in backend.lanes]}
    with backend.enter():
        times = backend.lanes[0].times
    facts["times"] = [times.h2d, times.compute, times.d2h, times.enqueue, times.latency]
    runs = emulator.calls()["cuGraphLaunch"]
calls = {api: count for api, count in calls.items() if count}
tell(differ=differ, device=backend.device, runs=runs, traffic=emulator.traffic(), calls=calls, **facts)
"""


@pytest.fixture
def small(tmp_path):
    """A model of a few nodes, beside which its plan is kept."""
    return save(tiny_model(HW), tmp_path / "models" / "m.onnx", metadata("fp32", HW))


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_labels_are_those_of_onnxruntime(tiny, tmp_path, precision):
    real.needs_emulator()  # where the double computes with ONNX Runtime itself
    environ = gpu_environment(tmp_path)
    found = run_script(EQUAL, tiny[precision].path, 6, 2, environ=environ)
    assert_orderly(found)
    assert found["differ"] == []
    assert real.IS_WANTED or found["device"] == "Emulated GPU"


@pytest.mark.parametrize("version", versions.VERSIONS)
def test_every_version_of_tensorrt(small, tmp_path, version):
    found = run_script(EQUAL, small, 12, 2, environ=gpu_environment(tmp_path, version))
    assert_orderly(found)
    assert found["differ"] == []


def test_ten_thousand_frames_from_eight_threads_leave_nothing(small, tmp_path):
    environ = gpu_environment(tmp_path, delay_us=20)
    found = run_script(EQUAL, small, 10_000, 8, environ=environ)
    assert_orderly(found)
    assert found["differ"] == []
    assert (found["lanes"], found["graphs"]) == (3, [True] * 3)
    assert real.IS_WANTED or found["runs"] == 10_000 + 2, "and twice to warm up"


PER_IMAGE = {
    "cuCtxPushCurrent": 1, "cuEventRecord": 4, "cuGraphLaunch": 1, "cuEventSynchronize": 1,
    "cuCtxPopCurrent": 1,
}  # fmt: skip
"""What is asked of the driver: nothing is made, and nobody waits, but for the labels at the end."""

COPIES = {"cuMemcpyHtoDAsync": 1, "cuMemcpyDtoHAsync": 1}


def test_a_byte_a_value_crosses_the_bus_and_no_more_is_asked_for(small, tmp_path):
    real.needs_emulator()
    found = run_script(EQUAL, small, 50, 2, environ=gpu_environment(tmp_path))
    assert_orderly(found)
    assert found["calls"] == {api: 50 * count for api, count in (PER_IMAGE | COPIES).items()}
    times, traffic = found["times"], found["traffic"]
    frames = found["runs"] + found["lanes"]  # each lane has one run before it has a graph
    assert traffic["h2d_bytes"] == frames * math.prod(HW) * 3
    assert traffic["d2h_bytes"] == frames * math.prod(HW)
    assert traffic["h2d_copies"] == traffic["d2h_copies"] == frames
    assert traffic["d2d_copies"] == 0
    assert all(value > 0 for value in times)
    assert times[4] == pytest.approx(sum(times[:3]))


def test_an_integrated_gpu_works_in_the_hosts_memory(small, tmp_path):
    found = run_script(EQUAL, small, 50, 2, environ=gpu_environment(tmp_path, integrated=True, name="Orin"))
    assert_orderly(found)
    assert found["differ"] == []
    assert found["calls"] == {api: 50 * count for api, count in PER_IMAGE.items()}
    assert not any(found["traffic"].values())


STAGES = """
import time
from rtseg.runtimes import load_pycuda
model = Model.read(sys.argv[1])
image = images_for(model, 1)[0]
late, is_over = [], threading.Event()

def slow(call, seconds):
    def slowly(stream):
        call(stream)
        emulator.enqueue(int(stream.handle), lambda _views: time.sleep(seconds), [], "slow")
    return slowly

with opened(model) as backend, backend.enter():
    emulator.enqueue(0, lambda _views: late.append(not is_over.wait(5)), [], "of torch, say")
    backend.infer(image)
    is_over.set()
    (lane,) = backend.lanes
    for name, way, seconds in (("image", "upload", 0.05), ("labels", "download", 0.1)):
        buffer = lane._buffers[name]
        setattr(buffer, way, slow(getattr(buffer, way), seconds))
    lane.run(image)
    times = lane.times
    load_pycuda().Context.synchronize()
tell(late=late, h2d=times.h2d, d2h=times.d2h)
"""


def test_times_are_of_their_stages_and_the_default_stream_is_not_waited_for(small, tmp_path):
    found = run_script(STAGES, small, environ=gpu_environment(tmp_path))
    assert_orderly(found)
    assert found["late"] == [False], "a blocking stream waits for what others do on the default stream"
    assert found["h2d"] > 50
    assert found["d2h"] > 100


WITHOUT_GRAPH = """
model = Model.read(sys.argv[1])
images = images_for(model, 5)
emulator.fail_next(sys.argv[2], UNKNOWN)
with opened(model) as backend, choose("onnxruntime")(model) as reference:
    equal = [np.array_equal(backend.infer(image), reference.infer(image)) for image in images]
    graphs = [lane.has_graph for lane in backend.lanes]
tell(equal=equal, graphs=graphs)
"""


@pytest.mark.parametrize("api", ["cuStreamBeginCapture", "cuGraphInstantiateWithFlags"])
def test_without_a_graph_it_does_the_same(small, tmp_path, api):
    found = run_script(WITHOUT_GRAPH, small, api, environ=gpu_environment(tmp_path))
    assert_orderly(found)
    assert found == {"equal": [True] * 5, "graphs": [False]}


AGAIN = """
from rtseg.tensorrt.building import Watcher
model = Model.read(sys.argv[1])
image = images_for(model, 1)[0]
first = opened(model)
with opened(model) as other:
    labels = [other.infer(image)]
    for _ in range(3):
        with first:
            labels.append(first.infer(image))
            with first.enter():
                first.lanes[0].start(image)  # and it is closed meanwhile
    labels.append(other.infer(image))
next(path for path in model.path.parent.iterdir() if path.suffix == ".plan").chmod(0o666)
first.prepare(Terms(notice=said.append, trust=True))
try:
    first.prepare(Terms(notice=said.append, watcher=Watcher(is_stopped=lambda: True)))
except RtsegError:
    pass  # a build was begun, which is enough
tell(equal=all(np.array_equal(labels[0], each) for each in labels), said=said)
"""


def test_it_opens_again_and_beside_another(small, tmp_path):
    found = run_script(AGAIN, small, environ=gpu_environment(tmp_path))
    assert_orderly(found)
    assert found["equal"]
    built, *distrusted = found["said"]
    assert built.startswith("building"), "once"
    assert "everybody may write to" in distrusted[0]


FAILS = """
from tensorrt._double.control import CONTROL
model = Model.read(sys.argv[1])
image = images_for(model, 1)[0]
opened(model)

def lose_while_open():
    from rtseg.tensorrt.lane import Lane
    first = Lane._queue
    Lane._queue = lambda lane, network: emulator.lose_device() or first(lane, network)

def lose_as_it_is_launched():
    from rtseg.tensorrt.lane import Lane
    launch = Lane._launch
    Lane._launch = lambda lane: emulator.lose_device() or launch(lane)

CONTROL.read(sys.argv[2])
error, labels = None, []
try:
    backend = opened(model)
    if "open" in sys.argv[3]:
        eval(sys.argv[3])
    with backend:
        labels.append(backend.infer(image))
        if "open" not in sys.argv[3]:
            eval(sys.argv[3])
        try:
            labels.append(backend.infer(image))
        finally:
            if "fail_next('cu" in sys.argv[3]:  # that image is lost, the next is not
                labels.append(backend.infer(image))
                assert np.array_equal(labels[0], labels[-1])
except RtsegError as caught:
    error = caught
code = getattr(error, "exit_code", 0)
tell(kind=type(error).__name__, code=code, text=str(error), said=said, runs=len(labels))
"""

OPENING = [
    ("fail=bad_plan", "DoesNotLoad", "does not load it: .*a failure that the test asked for"),
    ("fail=wrong_version", "DoesNotLoad", "expecting library version 0.0.0"),
    ("fail=wrong_gpu", "DoesNotLoad", "incompatible device"),
    ("fail=engine_memory", "DoesNotLoad", "OutOfMemory"),
    ("fail=context_memory", "DeviceError", "does not fit on the GPU: .*OutOfMemory"),
    ("fail=address", "DeviceFault", "does not take the buffer of image"),
    ("fail=enqueue", "DeviceFault", "does not run the model: .*a failure"),
]


@pytest.mark.parametrize(("control", "kind", "words"), OPENING)
def test_what_fails_on_opening_is_said(small, tmp_path, control, kind, words):
    found = run_script(FAILS, small, control, "'open'", environ=gpu_environment(tmp_path))
    assert_orderly(found)
    assert found["kind"] == kind
    assert_plain(found["text"], words)
    rebuilt = kind == "DoesNotLoad"
    assert sum("It is built anew" in notice for notice in found["said"]) == rebuilt
    assert sum("building the TensorRT" in notice for notice in found["said"]) == 1 + rebuilt


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        ("emulator.fail_next('cuMemAlloc', OUT_OF_MEMORY) or 'open'", "none", ""),  # built anew, it loads
        ("emulator.fail_next('cuMemHostAlloc', OUT_OF_MEMORY) or 'open'", "DeviceFault", "out of memory"),
        ("emulator.fail_next('cuStreamCreate', OUT_OF_MEMORY) or 'open'", "DeviceFault", "out of memory"),
        (
            "emulator.fail_next('cuDevicePrimaryCtxRetain', OUT_OF_MEMORY) or 'open'",
            "DeviceError",
            "out of memory",
        ),
        ("CONTROL.read('fail=enqueue')", "none", ""),  # a graph is launched, TensorRT is not asked
        ("emulator.fail_next('cuGraphLaunch', UNKNOWN)", "DeviceFault", "does not run the model"),
        (
            "emulator.fail_next('cuMemcpyHtoDAsync', UNKNOWN)",
            "DeviceFault",
            "the GPU failed: cuMemcpyHtoDAsync",
        ),
        ("emulator.fail_next('cuMemcpyDtoHAsync', UNKNOWN)", "DeviceFault", "failed: cuMemcpyDtoHAsync"),
        ("emulator.fail_next('cuEventSynchronize', UNKNOWN)", "DeviceFault", "failed: cuEventSynchronize"),
        ("emulator.fail_next(EXECUTION, LAUNCH_FAILED)", "DeviceFault", "the GPU failed: "),
        ("emulator.lose_device()", "DeviceFault", "the GPU failed: "),
        ("lose_as_it_is_launched()", "DeviceFault", "the GPU failed: "),
        ("lose_while_open() or 'open'", "DeviceFault", "the GPU "),
    ],
)
def test_what_fails_on_the_gpu_is_said(small, tmp_path, how, kind, words):
    found = run_script(FAILS, small, "", how, environ=gpu_environment(tmp_path))
    if kind == "none":
        assert found["runs"] >= 2
        return
    assert found["kind"] == kind
    if "open" not in how and "fail_next('cu" in how:
        assert found["runs"] == 2
    assert found["code"] == (3 if kind == "DeviceFault" else 2)
    assert_plain(found["text"], words)
    assert found["violations"] == []
    if "lose" not in how and "EXECUTION" not in how:  # a broken context takes all with it
        assert found["live"] == {}


def assert_plain(text: str, words: str) -> None:
    """One or two lines that say `words`."""
    import re

    assert re.search(words, text), text
    assert len(text.splitlines()) <= 2
    assert "Traceback" not in text


NAMED = """
model, other = Model.read(sys.argv[1]), Model.read(sys.argv[2])
opened(model)
plan = next(path for path in model.path.parent.iterdir() if path.suffix == ".plan")
image = images_for(model, 1)[0]
kind = choose(f"tensorrt:{plan}")
backend = kind(model)
backend.prepare(terms)
with backend, choose("onnxruntime")(model) as reference:
    equal = np.array_equal(backend.infer(image), reference.infer(image))
wrong = []
for chosen, which in ((kind, other), (choose("tensorrt:none.plan"), model)):
    try:
        chosen(which).prepare(terms)
    except RtsegError as error:
        wrong.append(str(error))
stranger = kind(other)
plan.with_name(f"{plan.name}.json").unlink()
stranger.prepare(Terms(trust=True))
try:
    stranger.open()
except RtsegError as error:
    kept = error  # as a pipeline keeps its first error
    wrong.append(str(error))
tell(equal=equal, wrong=wrong, said=said)
"""


def test_a_plan_may_be_named(small, tmp_path):
    other = save(tiny_model((8, 8)), tmp_path / "models" / "other.onnx", metadata("fp32", (8, 8)))
    found = run_script(NAMED, small, other, environ=gpu_environment(tmp_path))
    assert_orderly(found)
    assert found["equal"]
    assert len(found["said"]) == 1
    assert "built from another file than" in found["wrong"][0]
    assert "none.plan: no such plan" in found["wrong"][1]
    assert "it has input image: uint8 [1, 6, 8, 3]" in found["wrong"][2]


LOADED = """
from rtseg.cuda.device import gpu_at
from rtseg.tensorrt.cache import fetch, order_for
from rtseg.tensorrt.options import BuildOptions

model = Model.read(sys.argv[1])
runtimes = []
for options in (BuildOptions(), BuildOptions(version_compatible=True, dla_core=1)):
    plan = fetch(order_for(model, gpu_at(), options), terms)
    backend = choose(f"tensorrt:{plan.path}")(model)
    backend.prepare(terms)
    with backend:
        backend.infer(images_for(model, 1)[0])
        runtime = backend._engine._runtime
        runtimes.append([runtime.engine_host_code_allowed, runtime.DLA_core])
        del runtime
tell(runtimes=runtimes)
"""


def test_a_plan_is_loaded_as_it_was_built(tmp_path):
    """Code of TensorRT's own is run from those plans alone that were built to hold it."""
    model = save(tiny_model(HW), tmp_path / "m.onnx", metadata("fp16", HW))
    found = run_script(LOADED, model, environ=gpu_environment(tmp_path, control="dla_cores=2"))
    assert_orderly(found)
    assert found["runtimes"] == [[False, -1], [True, 1]]


def test_the_small_model_is_one_of_ours(small):
    assert Model.read(small).input_hw == HW
    assert VERSION in versions.VERSIONS

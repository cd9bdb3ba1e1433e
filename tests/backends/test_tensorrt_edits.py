"""Wrong edits of the real backend, each of which the emulated device must catch."""

# ruff: noqa: E501  (an edit is one line)

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.backends.gpu import ROOT, gpu_environment, run_script
from tests.cuda import real
from tests.models import metadata, save
from tests.tensorrt_build.conftest import tiny_model

HW = (6, 8)

USE = """
model = Model.read(sys.argv[1])
images = images_for(model, 60)
differ, errors = 0, []

def work(first):
    global differ
    try:
        for image in images[first::6]:
            differ += not np.array_equal(backend.infer(image), reference.infer(image))
    except Exception as error:
        errors.append(f"{type(error).__name__}: {error}")

try:
    with opened(model, streams=3) as backend, choose("onnxruntime")(model) as reference:
        workers = [threading.Thread(target=work, args=(first,)) for first in range(6)]
        [worker.start() for worker in workers]
        [worker.join() for worker in workers]
except Exception as error:
    errors.append(f"{type(error).__name__}: {error}")
tell(differ=differ, errors=errors)
"""

LANE, BUFFERS = "rtseg/tensorrt/lane.py", "rtseg/cuda/buffers.py"
GRAPH, DEVICE, BACKEND = "rtseg/cuda/graph.py", "rtseg/cuda/device.py", "rtseg/backends/tensorrt.py"

EDITS = {
    "nobody waits for the end": (LANE, "            self._events[_END].synchronize()\n", ""),
    "an event too early is waited for": (LANE, "self._events[_END].synchronize()", "self._events[_COPIED].synchronize()"),
    "the default stream for the copy to the GPU": (LANE, "self._buffers[IMAGE].upload(self._stream)", "self._buffers[IMAGE].upload(None)"),
    "another stream for the network": (LANE, "self._context.execute_async_v3(self._handle)", "self._context.execute_async_v3(int(self._other.handle))"),
    "the image is not copied": (LANE, "        self._buffers[IMAGE].upload(self._stream)\n", ""),
    "the labels are not copied": (LANE, "        self._buffers[LABELS].download(self._stream)\n", ""),
    "labels where the image is": (LANE, "set_tensor_address(name, self._buffers[name].address)", "set_tensor_address(name, self._buffers[IMAGE].address)"),
    "too little room for the image": (LANE, "((IMAGE, (*input_hw, 3)), (LABELS, input_hw))", "((IMAGE, (*input_hw, 3)), (LABELS, (input_hw[0] - 1, input_hw[1])))"),
    "pageable memory": (BUFFERS, "self._driver.pagelocked_empty(shape, np.uint8)", "np.empty(shape, np.uint8)"),
    "device memory is not freed": (BUFFERS, "            device.free()\n", "            kept.append(device)\n"),
    "pinned memory is not freed": (BUFFERS, "            self._pinned.free()\n\n\nclass", "            kept.append(self._pinned)\n\n\nclass"),
    "buffers are freed in the midst of work": (LANE, "        self._mark(_COMPUTED)\n", "        self._mark(_COMPUTED)\n        self._buffers[IMAGE].free()\n"),
    "the graph is not closed": (LANE, "            self._graph.close()\n", "            pass\n"),
    "a recording that waits": (LANE, "self._graph = Graph.recorded(self._handle, self._execute)", "self._graph = Graph.recorded(self._handle, lambda: self._execute() and not self._stream.synchronize())"),
    "no context in the worker": (BACKEND, "            with self._device.entered():\n", "            if True:\n"),
    "a lane for two at once": (BACKEND, "lane = self._free_lanes.get()", "lane = self._all_lanes[0]"),
    "labels that the next image overwrites": (BACKEND, "lane.run(image_rgb).copy()\n        finally:\n            self._free_lanes.put(lane)\n        return labels", "lane.run(image_rgb)\n        finally:\n            self._free_lanes.put(lane)\n        import time\n        time.sleep(0.005)\n        return labels"),
    "the device is never closed": (BACKEND, "        device.close()\n", ""),
    "the engine outlives its context": (LANE, "        engine.close()\n", "        kept.append(engine)\n"),
    "the engine goes before its contexts": (LANE, "    for lane in lanes:\n        lane.finish()\n    if engine is not None:\n        engine.close()\n", "    if engine is not None:\n        engine.close()\n    for lane in lanes:\n        lane.finish()\n"),
    "the same buffers for all lanes": (LANE, "self._buffers[name] = buffer_for(gpu, shape)", "self._buffers[name] = vars(engine).get(name) or vars(engine).setdefault(name, buffer_for(gpu, shape))"),
    "the context is not released": (DEVICE, "        context.detach()\n", ""),
    "pushed and not popped": (DEVICE, "            libcuda().cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))\n\n    @property", "            pass\n\n    @property"),
    "freed without the context": (BACKEND, "            with device.pushed():\n                free(", "            if True:\n                free("),
}  # fmt: skip
"""What is wrong: the file, what stands there, and what the edit makes of it."""


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return save(tiny_model(HW), folder / "m.onnx", metadata("fp32", HW))


def use(small, folder, edit):
    """Run the backend in a copy of the package with one edit; what the emulator has to say."""
    place = folder / "copy"
    shutil.copytree(ROOT / "rtseg", place / "rtseg", ignore=shutil.ignore_patterns("__pycache__"))
    if edit is not None:
        name, old, new = edit
        file = place / name
        text = file.read_text()
        assert text.count(old) == 1, f"{name} has changed: change the edit, too\n{old}"
        text = text.replace(old, new)
        if "kept.append" in new:
            text = text.replace(
                "from __future__ import annotations\n", "from __future__ import annotations\nkept = []\n"
            )
        if "self._other" in new:
            text = text.replace(
                "        self._handle = int",
                "        self._other = driver.Stream(1)\n        self._handle = int",
            )
        file.write_text(text)
    environ = gpu_environment(folder)
    try:
        return run_script(USE, small, environ=environ, package=place)
    except AssertionError as error:  # the process was ended
        return {"died": str(error)[-300:]}


def test_as_it_is_nothing_is_found(small, tmp_path):
    found = use(small, tmp_path, None)
    assert found == {"differ": 0, "errors": [], "live": {}, "violations": []}


def test_every_wrong_edit_is_caught(small, tmp_path):
    real.needs_emulator()
    folders = {what: tmp_path / str(index) for index, what in enumerate(EDITS)}
    for folder in folders.values():
        folder.mkdir()
    with ThreadPoolExecutor(2) as pool:
        runs = pool.map(lambda what: use(small, folders[what], EDITS[what]), EDITS)
        found = dict(zip(EDITS, runs, strict=True))
    unseen = [what for what, books in found.items() if not any(books.values())]
    assert unseen == []

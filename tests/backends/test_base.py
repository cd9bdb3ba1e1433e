"""The contract that all backends keep."""

from __future__ import annotations

import dataclasses
import threading

import numpy as np
import pytest

from rtseg.backends import BACKENDS, backend_class
from rtseg.backends.simulated import SimulatedBackend
from rtseg.errors import InputError, ModelError


@pytest.fixture(params=[name for name in BACKENDS if name != "tensorrt"])  # that has tests of its own
def kind(request):
    return backend_class(request.param)


def test_labels_are_the_callers_own(kind, tiny, frames):
    with kind(tiny["fp32"]) as backend:
        first = backend.infer(frames[0])
        kept = first.copy()
        second = backend.infer(frames[1])
        assert (second != kept).any()
        assert (first == kept).all()
        first[:] = 255
        assert (backend.infer(frames[0]) == kept).all()


def test_labels_are_uint8_of_the_models_size(kind, tiny, frames):
    with kind(tiny["fp32"], threads=1) as backend:
        labels = backend.infer(frames[0])
        assert backend.device
    assert (labels.dtype, labels.shape) == (np.uint8, tiny["fp32"].input_hw)
    assert labels.max() < len(tiny["fp32"].classes)
    assert len(np.unique(labels)) > 1


def test_an_image_is_only_read_however_it_lies_in_memory(kind, tiny, frames):
    image = frames[0].copy()
    image.flags.writeable = False
    wide = np.zeros((*image.shape[:2], 6), np.uint8)
    wide[..., ::2] = image
    with kind(tiny["fp32"]) as backend:
        labels = backend.infer(image)
        assert (backend.infer(wide[..., ::2]) == labels).all()
    assert (image == frames[0]).all()


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((72, 96, 3), np.float32),
        np.zeros((96, 72, 3), np.uint8),
        np.zeros((72, 96), np.uint8),
        np.zeros((1, 72, 96, 3), np.uint8),
    ],
)
def test_another_type_or_size_is_refused(kind, tiny, image):
    with kind(tiny["fp32"]) as backend, pytest.raises(InputError, match=r"takes uint8 \(72, 96, 3\)"):
        backend.infer(image)


def test_infer_outside_open_and_close_is_our_fault(kind, tiny, frames):
    backend = kind(tiny["fp32"])
    with pytest.raises(RuntimeError, match="is not open"):
        backend.infer(frames[0])
    backend.close()
    backend.open()
    with pytest.raises(RuntimeError, match="is open already"):
        backend.open()
    labels = backend.infer(frames[0])
    backend.close()
    backend.close()
    with pytest.raises(RuntimeError, match="is not open"):
        backend.infer(frames[0])
    with backend:
        assert (backend.infer(frames[0]) == labels).all()


def test_infer_in_another_thread_than_open(kind, tiny, frames):
    found = []
    with kind(tiny["fp32"]) as backend:
        thread = threading.Thread(target=lambda: found.append(backend.infer(frames[0])))
        thread.start()
        thread.join(60)
        assert (found[0] == backend.infer(frames[0])).all()


def test_zero_threads_are_refused(kind, tiny):
    with pytest.raises(InputError, match="at least one"):
        kind(tiny["fp32"], threads=0)


@pytest.mark.parametrize("name", ["openvino", "onnxruntime", "torch"])
def test_a_file_that_changed_since_it_was_read_is_refused_and_nothing_stays_open(
    tiny, frames, tmp_path, name
):
    path = tmp_path / "m.onnx"
    path.write_text("no model any more")
    backend = backend_class(name)(dataclasses.replace(tiny["fp32"], path=path))
    with pytest.raises(ModelError, match=r"m\.onnx"):
        backend.open()
    with pytest.raises(RuntimeError, match="is not open"):
        backend.infer(frames[0])


@pytest.mark.parametrize("answer", [np.zeros((72, 96), np.int64), np.zeros((96, 72), np.uint8)])
def test_a_runtime_that_gives_no_labels_is_found_out(tiny, answer):
    backend = SimulatedBackend(tiny["fp32"], labels=lambda *_: answer)
    with pytest.raises(RuntimeError, match="for labels"):
        backend.open()


def test_open_runs_the_model_before_the_first_frame(tiny):
    seen = []
    with SimulatedBackend(tiny["fp32"], labels=lambda image, _: seen.append(image) or image[..., 0]):
        assert len(seen) == 2
        assert (seen[0] == 127).all()

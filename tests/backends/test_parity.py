"""All backends and precisions against torch in float32, on real frames."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rtseg.backends import backend_class
from rtseg.classes import CAMVID
from rtseg.model import Model, engines_dir
from rtseg.training.data import LabelledFolder
from tests.backends.models import labelled_frames

if TYPE_CHECKING:
    from pathlib import Path

PAIRS = [
    (backend, precision)
    for backend in ("torch", "onnxruntime", "openvino")
    for precision in ("fp32", "fp16", "int8")
]

LEAST_AGREEMENT = {"fp32": 0.999, "fp16": 0.995, "int8": 0.95}
"""Share of pixels with the label of torch in float32."""

LEAST_AGREEMENT_INT8 = {"torch": 1.0, "onnxruntime": 0.97, "openvino": 0.97}
"""Share of pixels with the label that the same INT8 file means, computed node by node in torch."""

SHIPPED = sorted({path.parent for path in engines_dir().glob("*/*.onnx")})


@cache
def labels_of(backend: str, path: Path, frames: tuple[bytes, ...]) -> np.ndarray:
    model = Model.read(path)
    with backend_class(backend)(model) as opened:
        images = [np.frombuffer(frame, np.uint8).reshape(*model.input_hw, 3) for frame in frames]
        return np.stack([opened.infer(image) for image in images])


def agreement(backend: str, path: Path, reference: Path, frames: tuple[bytes, ...]) -> float:
    ours, theirs = labels_of(backend, path, frames), labels_of("torch", reference, frames)
    return float((ours == theirs).mean())


@pytest.fixture(params=["tiny", *(folder.name for folder in SHIPPED)])
def folder(request, tiny) -> Path:
    """The small model and each shipped one."""
    return tiny["fp32"].path.parent if request.param == "tiny" else engines_dir() / request.param


@pytest.fixture
def pictures(folder, camvid) -> tuple[bytes, ...]:
    size = Model.read(folder / "fp32.onnx").input_hw
    images, _ = labelled_frames(LabelledFolder(camvid, "val", CAMVID), size, 8 if size[0] < 100 else 2)
    return tuple(image.tobytes() for image in images)


@pytest.mark.parametrize(("backend", "precision"), PAIRS)
def test_labels_agree_with_torch_in_float32(folder, pictures, backend, precision):
    found = agreement(backend, folder / f"{precision}.onnx", folder / "fp32.onnx", pictures)
    assert found >= LEAST_AGREEMENT[precision]


@pytest.mark.parametrize("backend", LEAST_AGREEMENT_INT8)
def test_int8_labels_are_those_that_the_file_means(folder, pictures, backend):
    int8 = folder / "int8.onnx"
    assert agreement(backend, int8, int8, pictures) >= LEAST_AGREEMENT_INT8[backend]

"""Runs an exported graph on labelled frames: its labels, its scores, its agreement with another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rtseg.runtimes import load_onnxruntime, load_openvino
from rtseg.training.confusion import ConfusionMatrix
from rtseg.training.data import image_at, labels_at

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray
    from onnxruntime import InferenceSession

    from rtseg.training.data import LabelledFolder

OnStep = Callable[[str, int, int], None]
"""Called on the way with what is being done, how many are done and how many there are."""


def quiet(_what: str, _done: int, _total: int) -> None:
    """An `OnStep` for callers who do not watch."""


def session_from_model(model: onnx.ModelProto, *, exact: bool = False) -> InferenceSession:
    """An ONNX Runtime session on the CPU.

    Args:
        model: the graph; nothing is written.
        exact: run every node as it stands. Q/DQ then round and clip in float32, which is what the file means,
            instead of in the integer kernels of this machine, which may saturate on the way.
    """
    ort = load_onnxruntime()
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if exact:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def labels_from_image(session: InferenceSession, image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Class ids (H, W), uint8, of an image (H, W, 3), uint8, RGB, of the session's input size."""
    (labels,) = session.run(None, {"image": image_rgb[np.newaxis]})
    return np.asarray(labels[0], dtype=np.uint8)


def images(
    data: LabelledFolder, indices: Sequence[int], size: tuple[int, int]
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Images (H, W, 3), resized to `size` (H, W), and their labels at their own size."""
    for index in indices:
        image_rgb, truth = data.read(index)
        yield image_at(image_rgb, size), truth


def score(
    labels: Sequence[NDArray[np.uint8]], data: LabelledFolder, indices: Sequence[int]
) -> ConfusionMatrix:
    """Count `labels` against the truth of the frames `indices`, at the truth's size."""
    matrix = ConfusionMatrix(data.classes)
    for predicted, index in zip(labels, indices, strict=True):
        _, truth = data.read(index)
        matrix.add(truth, labels_at(predicted, truth.shape))
    return matrix


def scores_of(matrix: ConfusionMatrix, split: str) -> dict[str, Any]:
    """The entry `scores` of a model's metadata; fractions, rounded to what 100 frames can tell."""
    return {
        "split": split,
        "miou": round(matrix.miou(), 5),
        "pixel_accuracy": round(matrix.pixel_accuracy(), 5),
        "iou": {name: round(value, 5) for name, value in matrix.iou().items()},
    }


def agreement(ours: Sequence[NDArray[np.uint8]], theirs: Sequence[NDArray[np.uint8]]) -> float:
    """Share of pixels with the same label, over all frames."""
    equal = sum(int((a == b).sum()) for a, b in zip(ours, theirs, strict=True))
    return equal / sum(a.size for a in ours)


def spread(data: LabelledFolder, count: int) -> list[int]:
    """`count` indices, evenly spread over the split; all of them where it has fewer frames."""
    count = min(count, len(data))
    return [round(step * (len(data) - 1) / max(count - 1, 1)) for step in range(count)]


def label_all(
    model: onnx.ModelProto,
    data: LabelledFolder,
    indices: Sequence[int],
    on_step: OnStep,
    what: str,
    *,
    exact: bool = False,
) -> list[NDArray[np.uint8]]:
    """Labels (H, W) of the frames `indices`, in their order, at the model's size."""
    session = session_from_model(model, exact=exact)
    labels = []
    for done, (image_rgb, _) in enumerate(images(data, indices, input_size(model)), start=1):
        labels.append(labels_from_image(session, image_rgb))
        on_step(what, done, len(indices))
    return labels


def label_all_openvino(
    model: onnx.ModelProto, data: LabelledFolder, indices: Sequence[int], on_step: OnStep
) -> list[NDArray[np.uint8]]:
    """As `label_all`, by OpenVINO on the CPU, with float nodes in float32."""
    core = load_openvino().Core()
    read = core.read_model(model.SerializeToString())
    compiled = core.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    labels = []
    for done, (image_rgb, _) in enumerate(images(data, indices, input_size(model)), start=1):
        labels.append(np.array(compiled({"image": image_rgb[np.newaxis]})["labels"][0]))
        on_step("Judging openvino", done, len(indices))
    return labels


def input_size(model: onnx.ModelProto) -> tuple[int, int]:
    """Height and width of the image that `model` takes."""
    _, height, width, _ = (dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim)
    return height, width

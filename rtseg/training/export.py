"""Export: a checkpoint becomes one ONNX file, image in, labels out, checked before it is written."""

from __future__ import annotations

import copy
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from rtseg.errors import ModelError
from rtseg.runtimes import load_onnxruntime
from rtseg.training import checkpoint, judge
from rtseg.training.arg_max import replace_arg_max
from rtseg.training.fp16 import half_from_float, store_weights_as_half
from rtseg.training.nets import Labeller, SegmentationNet
from rtseg.training.nets.base import PIXEL_MEAN, PIXEL_SCALE
from rtseg.training.nets.blocks import ConvBlock, resize
from rtseg.training.onnx_files import (
    IR_VERSION,
    OPSET,
    check_folder,
    drop_idle_slices,
    save,
    set_metadata,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rtseg.training.data import LabelledFolder
    from rtseg.training.judge import OnStep

FloatPrecision = Literal["fp32", "fp16"]

LEAST_OF_GRAPH = 0.999
"""Share of pixels that the graph must label as torch does, both in float32; below it nothing is written."""

LEAST_OF_FILE = 0.98
"""The same once weights or arithmetic are rounded: who has learned little is undecided in many places."""

NOT_STATED = "not stated"
"""Stands in the metadata for what the checkpoint does not say of its data."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        path: the ONNX file.
        precision: "fp32" or "fp16".
        sha256: of the file.
        size_bytes: of the file.
        agreement: share of pixels with the label of torch in float32.
        checked_frames: over how many frames.
        scores: split, miou, pixel_accuracy and iou by class, as in the file's metadata.
    """

    path: Path
    precision: FloatPrecision
    sha256: str
    size_bytes: int
    agreement: float
    checked_frames: int
    scores: dict[str, object]


def export_model(
    checkpoint_path: Path,
    out: Path,
    *,
    precision: FloatPrecision,
    data: LabelledFolder,
    name: str | None = None,
    version: str = "1",
    size: tuple[int, int] | None = None,
    frames: int = 32,
    on_step: OnStep = judge.quiet,
) -> Exported:
    """Write the checkpoint as ONNX, after its labels were compared with torch's.

    Args:
        checkpoint_path: what `rtseg train` wrote.
        out: the file to write; replaced if it exists, untouched after an error.
        precision: the arithmetic inside.
        data: labelled frames: `frames` of them, evenly spread, are compared; all of them give the scores.
        name: what the model is called; NET-ENCODER where None.
        version: counts up when the weights change.
        size: height and width of the input, pixels; None for those that the checkpoint was trained for.
        frames: how many frames are compared, at most.
        on_step: told of progress.

    Raises:
        InputError: the checkpoint cannot be read.
        DataError: a frame cannot be read.
        ModelError: labels differ from torch's by more than is allowed, or weights do not fit float16.
        OutputError: `out` cannot be written.
    """
    check_folder(out)
    trained = checkpoint.load(checkpoint_path)
    size = size or trained.size_hw
    indices = judge.spread(data, frames)
    reference = _labels_of_torch(trained.net, data, indices, size, on_step)
    graph = onnx_from_net(trained.net, size)
    exact = judge.label_all(graph, data, indices, on_step, "Comparing with torch")
    check_agreement("graph", judge.agreement(exact, reference), LEAST_OF_GRAPH)
    model = store_weights_as_half(graph) if precision == "fp32" else half_from_float(graph)
    labels = judge.label_all(model, data, range(len(data)), on_step, f"Labelling in {precision}")
    agreement = judge.agreement([labels[index] for index in indices], reference)
    check_agreement(f"{precision} file", agreement, LEAST_OF_FILE)
    scores = judge.scores_of(judge.score(labels, data, range(len(data))), data.split)
    set_metadata(
        model,
        {
            "name": name or f"{trained.description['net']}-{trained.description['encoder']}",
            "version": version,
            "precision": precision,
            "classes": list(data.classes.names),
            "palette": [list(colour) for colour in data.classes.palette_rgb],
            "input": list(size),
            "data": trained.description.get("data_name", NOT_STATED),
            "data_licence": trained.description.get("data_licence", NOT_STATED),
            "scores": scores,
            "parent_sha256": trained.sha256,
            "calibration_sha256": "none",
        },
    )
    sha256 = save(model, out)
    return Exported(out, precision, sha256, out.stat().st_size, agreement, len(indices), scores)


def onnx_from_net(net: SegmentationNet, size: tuple[int, int]) -> onnx.ModelProto:
    """The network as a float32 graph: uint8 image (1, H, W, 3) in, uint8 labels (1, H, W) out.

    BatchNorm is folded into the convolutions and the shapes are constants; there is no metadata yet.
    """
    example = torch.zeros(1, *size, 3, dtype=torch.uint8)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
        # The newer exporter, to which the warning points, needs onnxscript and writes opset 18 and later,
        # which TensorRT 8.6 does not read.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message="Converting a tensor")  # shapes become constants
        traced = Path(folder) / "traced.onnx"
        torch.onnx.export(
            Exportable(net).eval(),
            (example,),
            traced,
            dynamo=False,
            opset_version=OPSET,
            input_names=["image"],
            output_names=["labels"],
        )
        model = _tidied(traced)
        replace_arg_max(model, net.classes)
        return model


class Exportable(nn.Module):
    """`Labeller` with the same labels, in the form that runtimes like best.

    uint8 is cast right at the border, the only place where TensorRT takes it. BatchNorm is folded, and so is
    the scale of the normalisation, into the first convolution. Its mean is not: zeros are padded behind it.
    """

    def __init__(self, net: SegmentationNet) -> None:
        super().__init__()
        self.net = copy.deepcopy(net).eval()
        for block in self.net.modules():
            if isinstance(block, ConvBlock):
                convolution, norm = block[0], block[1]
                assert isinstance(convolution, nn.Conv2d)
                assert isinstance(norm, nn.BatchNorm2d)
                block[0], block[1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()
        first = next(layer for layer in self.net.modules() if isinstance(layer, nn.Conv2d))
        first.weight.data /= PIXEL_SCALE

    def forward(self, image: Tensor) -> Tensor:
        """Class ids (1, H, W), uint8, of `image` (1, H, W, 3), uint8, RGB."""
        x = image.float().permute(0, 3, 1, 2) - PIXEL_MEAN
        height, width = image.shape[1:3]
        return resize(self.net.label(x), (height, width)).reshape(1, height, width).to(torch.uint8)


def check_agreement(what: str, agreement: float, least: float) -> None:
    """Raise ModelError if exported labels are too far from torch's."""
    if agreement < least:
        raise ModelError(
            f"The exported {what} agrees with torch on {agreement:.3%} of the pixels, "
            f"less than {least:.1%}; nothing was written."
        )


def _tidied(traced: Path) -> onnx.ModelProto:
    """The traced graph with its shape arithmetic computed and its constants made initialisers.

    ONNX Runtime's basic level does just that and adds no operator of its own.
    """
    tidied = traced.with_name("tidied.onnx")
    ort = load_onnxruntime()
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(tidied)
    ort.InferenceSession(str(traced), options, providers=["CPUExecutionProvider"])
    model = onnx.load(tidied)
    drop_idle_slices(model)
    del model.opset_import[:]
    model.opset_import.append(onnx.helper.make_opsetid("", OPSET))
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version = "rtseg", ""
    return model


def _labels_of_torch(
    net: SegmentationNet,
    data: LabelledFolder,
    indices: Sequence[int],
    size: tuple[int, int],
    on_step: OnStep,
) -> list[NDArray[np.uint8]]:
    """Labels (H, W) of the network as it was trained: float32 weights, BatchNorm as it is."""
    labeller = Labeller(net).eval()
    labels = []
    with torch.inference_mode():
        for done, (image_rgb, _) in enumerate(judge.images(data, indices, size), start=1):
            labels.append(labeller(torch.from_numpy(image_rgb)[None])[0].numpy())
            on_step("Labelling in torch", done, len(indices))
    return labels

"""Small models of the real kind: a random U-Net whose last layer is fitted to CamVid frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import torch
import torch.nn.functional as F

from rtseg.classes import CAMVID
from rtseg.runtimes import load_onnxruntime
from rtseg.training.data import LabelledFolder
from rtseg.training.export import onnx_from_net
from rtseg.training.fp16 import half_from_float, store_weights_as_half
from rtseg.training.insert_qdq import activation_edges, int8_from_float
from rtseg.training.nets import build
from rtseg.training.nets.base import SegmentationNet, normalized
from rtseg.training.nets.unet import UNet
from tests.models import metadata, save

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Images = list[NDArray[np.uint8]]


def write_models(folder: Path, camvid: Path, size: tuple[int, int], encoder: str) -> Path:
    """Write fp32.onnx, fp16.onnx and int8.onnx into `folder`."""
    images, truths = labelled_frames(LabelledFolder(camvid, "train", CAMVID), size)
    model = onnx_from_net(fitted_net(images, truths, encoder), size)
    save(store_weights_as_half(model), folder / "fp32.onnx", metadata("fp32", size))
    save(half_from_float(model), folder / "fp16.onnx", metadata("fp16", size))
    save(int8_from_float(model, largest_values(model, images)), folder / "int8.onnx", metadata("int8", size))
    return folder


def largest_values(model: onnx.ModelProto, images: Images) -> dict[str, float]:
    """The largest magnitude of every tensor that is quantised, over `images`."""
    names = list(activation_edges(model))
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = load_onnxruntime().InferenceSession(
        watched.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    runs = [session.run(names, {"image": image[None]}) for image in images]
    return {name: max(float(np.abs(run[i]).max()) for run in runs) for i, name in enumerate(names)}


def labelled_frames(
    data: LabelledFolder, size: tuple[int, int], count: int = 8
) -> tuple[Images, list[NDArray[np.uint8]]]:
    """Frames spread over the split and their labels, both at `size`, by picking pixels."""
    images, truths = [], []
    for index in range(0, len(data), len(data) // count):
        image, truth = data.read(index)
        rows = np.arange(size[0]) * image.shape[0] // size[0]
        columns = np.arange(size[1]) * image.shape[1] // size[1]
        images.append(np.ascontiguousarray(image[rows][:, columns]))
        truths.append(truth[rows][:, columns])
    return images[:count], truths[:count]


def fitted_net(images: Images, truths: list[NDArray[np.uint8]], encoder: str) -> SegmentationNet:
    """A U-Net with random weights but for its head, which is the least-squares fit to the labels."""
    torch.manual_seed(3)
    net = build("unet", encoder, len(CAMVID), pretrained=encoder == "lite0")
    assert isinstance(net, UNet)
    batch = normalized(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2))
    caught: list[torch.Tensor] = []
    hook = net.head.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0].detach()))
    with torch.no_grad():
        for _ in range(8 if encoder == "plain" else 0):  # gives BatchNorm the statistics of real frames
            net.score(batch)
        if encoder == "lite0":
            net.decoder.train()
            net.encoder.eval()
            for _ in range(20):
                net.score(batch[:4])
        net.eval()
        caught.clear()
        net.score(batch)
    hook.remove()
    _fit(net.head, caught[0], torch.from_numpy(np.stack(truths)))
    return net


def _fit(head: torch.nn.Conv2d, features: torch.Tensor, truths: torch.Tensor) -> None:
    """Each of the four quarters of a place by itself; its scores are every fourth of the head's channels."""
    height, width = features.shape[-2:]
    small = F.interpolate(truths[:, None].float(), size=(2 * height, 2 * width))
    for quarter, ids in enumerate(F.pixel_unshuffle(small, 2).long().unbind(1)):
        x = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
        y = F.one_hot(ids.flatten(), len(CAMVID) + 1)[:, : len(CAMVID)].float()
        known = ids.flatten() < len(CAMVID)
        x = torch.cat([x[known], torch.ones(int(known.sum()), 1)], dim=1).double()
        solution = torch.linalg.solve(x.T @ x + 1e-3 * torch.eye(x.shape[1]), x.T @ y[known].double()).float()
        head.weight.data[quarter::4] = solution[:-1].T[:, :, None, None]
        head.bias.data[quarter::4] = solution[-1]

"""A network that labels sensibly without hours of training, and a data folder of a few real frames."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from rtseg.classes import CAMVID
from rtseg.training.data import LabelledFolder

SIZE = (96, 128)
"""Height and width that keep the tests quick."""


@pytest.fixture(scope="session")
def few_frames(camvid: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of 12 frames of train and 6 of val, spread over the whole."""
    root = tmp_path_factory.mktemp("few")
    for split, count in (("train", 12), ("val", 6)):
        names = [path.name for path in sorted((camvid / split).glob("*.png"))]
        for folder in (split, f"{split}annot"):
            (root / folder).mkdir()
            for place in np.linspace(0, len(names) - 1, count).astype(int):
                shutil.copy(camvid / folder / names[place], root / folder)
    return root


@pytest.fixture(scope="session")
def train(few_frames: Path) -> LabelledFolder:
    return LabelledFolder(few_frames, "train", CAMVID)


@pytest.fixture(scope="session")
def val(few_frames: Path) -> LabelledFolder:
    return LabelledFolder(few_frames, "val", CAMVID)


@pytest.fixture(scope="session")
def fitted_checkpoint(train: LabelledFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A U-Net of ImageNet weights and a random decoder, its head fitted to real labels by least squares."""
    from rtseg.training import checkpoint

    path = tmp_path_factory.mktemp("fitted") / "model.safetensors"
    net = fitted_net(train)
    checkpoint.save(
        path, net.state_dict(), {"net": "unet", "encoder": "lite0", "classes": list(CAMVID.names)}
    )
    return path


def fitted_net(data: LabelledFolder):
    """A U-Net of ImageNet weights and a random decoder, its head the best linear one on `data`."""
    import cv2
    import torch

    from rtseg.training.judge import images
    from rtseg.training.nets import build, normalized

    torch.manual_seed(0)
    net = build("unet", "lite0", len(CAMVID), pretrained=True)
    pairs = list(images(data, range(len(data)), SIZE))
    x = normalized(torch.from_numpy(np.stack([image for image, _ in pairs])).permute(0, 3, 1, 2))
    features = []
    net.head.register_forward_hook(lambda _module, inputs, _output: features.append(inputs[0]))
    with torch.no_grad():
        for layer in net.decoder.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.momentum = 1.0  # one pass sets the running averages
        net.eval().decoder.train()
        net.score(x)
        net.eval().score(x)
        height, width = features[-1].shape[-2:]
        truth = np.stack(
            [cv2.resize(labels, (width, height), interpolation=0) for _, labels in pairs]
        ).ravel()
        rows = features[-1].permute(0, 2, 3, 1).flatten(0, 2)
        known = torch.from_numpy(truth < len(CAMVID))
        rows = torch.cat([rows, torch.ones(len(rows), 1)], dim=1)[known]
        wanted = torch.nn.functional.one_hot(torch.from_numpy(truth)[known].long(), len(CAMVID)).float()
        solution = torch.linalg.lstsq(rows, wanted).solution
        net.head.weight.copy_(solution[:-1].T[:, :, None, None])
        net.head.bias.copy_(solution[-1])
    return net


@pytest.fixture(scope="session")
def fp32_path(fitted_checkpoint: Path, val: LabelledFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fitted network, exported."""
    return export(fitted_checkpoint, tmp_path_factory.mktemp("exported") / "fp32.onnx", val).path


def export(checkpoint: Path, out: Path, data: LabelledFolder, precision: str = "fp32", **changes):
    """`export_model` with what the tests do not vary."""
    from rtseg.training.export import export_model

    options = {
        "precision": precision,
        "data": data,
        "name": "fitted",
        "version": "1",
        "data_name": "CamVid",
        "data_licence": "CC BY-NC 4.0",
        "size": SIZE,
        "frames": len(data),
    }
    return export_model(checkpoint, out, **{**options, **changes})

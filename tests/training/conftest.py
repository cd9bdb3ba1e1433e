"""A network that labels sensibly without hours of training, and a data folder of a few real frames."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rtseg.classes import CAMVID
from rtseg.training.data import LabelledFolder

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (96, 128)
"""Height and width that keep the tests quick."""

OF_THE_DATA = {"data_name": "twelve frames of CamVid", "data_licence": "CC BY-NC 4.0"}

STEPS = 20
"""Steps of training after which labels are decided enough to be compared."""


@pytest.fixture(scope="session")
def few_frames(camvid: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of 12 frames of train and 6 of val, spread over the whole."""
    root = tmp_path_factory.mktemp("few")
    for split, count in (("train", 12), ("val", 6)):
        names = [path.name for path in sorted((camvid / split).glob("*.png"))]
        for folder in (split, f"{split}annot"):
            (root / folder).mkdir()
            for place in np.linspace(0, len(names) - 1, count).astype(int):
                shutil.copyfile(camvid / folder / names[place], root / folder / names[place])
    return root


@pytest.fixture(scope="session")
def train(few_frames: Path) -> LabelledFolder:
    return LabelledFolder(few_frames, "train", CAMVID)


@pytest.fixture(scope="session")
def val(few_frames: Path) -> LabelledFolder:
    return LabelledFolder(few_frames, "val", CAMVID)


@pytest.fixture(scope="session")
def fitted_checkpoint(train: LabelledFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of `fitted_net`."""
    from rtseg.training import checkpoint

    path = tmp_path_factory.mktemp("fitted") / "model.safetensors"
    net = fitted_net(train)
    description = {"net": "unet", "encoder": "lite0", "classes": list(CAMVID.names), **OF_THE_DATA}
    checkpoint.save(path, net.state_dict(), description)
    return path


def fitted_net(data: LabelledFolder):
    """A U-Net whose decoder was trained on `data` for seconds, upon ImageNet weights as they are."""
    import torch
    import torch.nn.functional as F

    from rtseg.training.judge import images
    from rtseg.training.nets import build, normalized

    torch.manual_seed(0)
    net = build("unet", "lite0", len(CAMVID), pretrained=True).train()
    pairs = list(images(data, range(0, len(data), 2), SIZE))
    x = normalized(torch.from_numpy(np.stack([image for image, _ in pairs])).permute(0, 3, 1, 2))
    truth = torch.from_numpy(np.stack([labels for _, labels in pairs]))[:, None].float()
    truth = F.interpolate(truth, (SIZE[0] // 2, SIZE[1] // 2))[:, 0].long()
    with torch.no_grad():
        features = net.encoder.eval()(x)
    net.encoder.forward = lambda _image: features
    decoder = [*net.fine.parameters(), *net.decoder.parameters(), *net.head.parameters()]
    optimizer = torch.optim.Adam(decoder, lr=5e-3)
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.cross_entropy(net.score(x), truth, ignore_index=CAMVID.void_id).backward()
        optimizer.step()
    del net.encoder.forward
    return net.eval()


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
        "size": SIZE,
        "frames": len(data),
    }
    return export_model(checkpoint, out, **{**options, **changes})

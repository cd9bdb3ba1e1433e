"""The networks: sizes, weights, and what is shipped of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from rtseg.classes import CAMVID
from rtseg.errors import InputError
from rtseg.training.data import LabelledFolder
from rtseg.training.nets import NETS, Labeller, build, encoders_of, parameter_count
from rtseg.training.nets.base import normalized, place_means

ALL = [
    (net, encoder)
    for net in NETS
    for encoder in encoders_of(net)
    if net == "unet" or encoder not in ("lite1", "lite2")
]
"""Each network with its usual encoder and the plain one, and one of them with all."""


@pytest.mark.parametrize(("net", "encoder"), ALL)
@pytest.mark.parametrize("size", [(64, 96), (50, 77), (33, 31), (1, 1)])
def test_output_has_the_size_of_the_input(net, encoder, size):
    model = build(net, encoder, 5, pretrained=False).eval()
    with torch.inference_mode():
        logits = model(torch.zeros(2, 3, *size, dtype=torch.uint8))
        labels = Labeller(model)(torch.zeros(2, *size, 3, dtype=torch.uint8))
    assert logits.shape == (2, 5, *size)
    assert labels.shape == (2, *size)
    assert labels.dtype == torch.uint8


@pytest.mark.parametrize(("net", "encoder"), ALL)
def test_all_weights_learn(net, encoder):
    model = build(net, encoder, 5, pretrained=False).train()
    model(torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)).square().mean().backward()
    assert [name for name, value in model.named_parameters() if value.grad is None] == []


def test_networks_are_lightweight():
    assert parameter_count(build("unet", "lite0", 11, pretrained=False)) < 3e6


@pytest.mark.parametrize("name", ["lite0", "lite1", "lite2"])
def test_imagenet_weights_recognise_our_input(camvid, name):
    """The first BatchNorm's statistics fit real frames only if weights and scale are right."""
    encoder = build("unet", name, 11).eval().encoder
    image, _ = LabelledFolder(camvid, "val", CAMVID).read(0)
    seen = []
    encoder.stem[1].register_forward_hook(lambda _layer, inputs, _output: seen.append(inputs[0]))
    with torch.inference_mode():
        encoder(normalized(torch.from_numpy(image).permute(2, 0, 1)[None]))
    ratio = seen[0].var((0, 2, 3)) / encoder.stem[1].running_var
    assert 0.5 < ratio.median() < 2


def test_the_labeller_agrees_with_the_logits_at_the_head():
    torch.manual_seed(0)
    model = build("unet", "plain", 5, pretrained=False).eval()
    image = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8))
    with torch.inference_mode():
        labels = Labeller(model)(image)
        scores = model.score(normalized(image.permute(0, 3, 1, 2)))
    assert torch.equal(labels[:, ::2, ::2], place_means(scores, 5).argmax(1).to(torch.uint8))


def test_place_means_are_those_of_bilinear_enlargement_along_a_row():
    logits = torch.randn(2, 3, 1, 7, generator=torch.Generator().manual_seed(0)).expand(2, 3, 9, 7)
    for factor in (2, 8):
        enlarged = F.interpolate(logits, scale_factor=factor, mode="bilinear", align_corners=False)
        means = F.avg_pool2d(enlarged, factor)
        assert torch.allclose(place_means(logits, 3)[..., 1:-1, 1:-1], means[..., 1:-1, 1:-1], atol=1e-5)


def test_rows_that_disagree_in_turns_leave_no_stripes():
    undecided = torch.tensor([[1.0, -1.0] * 4]).T.expand(1, 1, 8, 6)
    logits = torch.cat([undecided + 0.1, -undecided], dim=1)
    assert logits.argmax(1).unique().tolist() == [0, 1]
    assert place_means(logits, 2).argmax(1)[:, 1:-1].unique().tolist() == [0]


@pytest.mark.parametrize(
    ("net", "encoder"), [("vnet", "lite0"), ("unet", "lite9"), ("stack", "lite0"), ("gcn", "none")]
)
def test_unknown_names_are_refused(net, encoder):
    with pytest.raises(InputError, match="Choose one of"):
        build(net, encoder, 11)

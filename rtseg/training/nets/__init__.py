"""The networks. `build` makes one by name; `Labeller` wraps it into what is exported.

base.py      SegmentationNet and Labeller: the promises of every network
blocks.py    the pieces that the networks share
encoders.py  plain (from scratch) and EfficientNet-Lite0 (ImageNet weights)
unet.py      U-Net: skips by concatenation, a sub-pixel head
fcn.py       FCN: skips by summation
"""

from __future__ import annotations

from rtseg.errors import InputError
from rtseg.training.nets.base import Labeller, SegmentationNet, normalized
from rtseg.training.nets.blocks import parameter_count
from rtseg.training.nets.encoders import EfficientNetLite0, Encoder, PlainEncoder
from rtseg.training.nets.fcn import FCN
from rtseg.training.nets.unet import UNet

NETS = {"unet": UNet, "fcn": FCN}
ENCODERS = ("lite0", "plain")


def build(net: str, encoder: str, classes: int, *, pretrained: bool = True) -> SegmentationNet:
    """Make a network.

    Args:
        net: "unet" or "fcn".
        encoder: "lite0" or "plain".
        classes: number of classes.
        pretrained: start "lite0" from ImageNet weights; without effect on "plain".

    Raises:
        InputError: there is no network or encoder of that name.
        MissingDependencyError: the pretrained weights' package is not installed.
    """
    if net not in NETS:
        raise InputError(f"There is no network {net!r}. Choose one of: {', '.join(NETS)}.")
    return NETS[net](_build_encoder(encoder, pretrained), classes)


def _build_encoder(name: str, pretrained: bool) -> Encoder:
    if name == "lite0":
        return EfficientNetLite0(pretrained=pretrained)
    if name == "plain":
        return PlainEncoder()
    raise InputError(f"There is no encoder {name!r}. Choose one of: {', '.join(ENCODERS)}.")


__all__ = ["ENCODERS", "NETS", "Labeller", "SegmentationNet", "build", "normalized", "parameter_count"]

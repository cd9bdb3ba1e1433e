"""The networks. `build` makes one by name; `Labeller` wraps it into what is exported.

base.py             SegmentationNet and Labeller: the promises of every network
blocks.py           the pieces that the networks share
encoders.py         EfficientNet-Lite 0, 1, 2 (ImageNet weights), plain (from scratch)

The story of segmentation, in its order, one network a file:

stack.py            convolutions at the image's own size
fcn.py              FCN-32s, 16s and 8s: scores of a classifier's maps, enlarged; skips by summation
encoder_decoder.py  a learnt way back up, without skips
unet.py             U-Net: skips by concatenation
summing_unet.py     the same by summation
residual_unet.py    the same with residual blocks
deeplab.py          atrous convolution and atrous pyramid pooling
pspnet.py           pyramid pooling
refinenet.py        multi-path refinement
gcn.py              large separable kernels, boundary refinement
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtseg.errors import InputError
from rtseg.training.nets.base import Labeller, SegmentationNet, normalized
from rtseg.training.nets.blocks import macs, parameter_count
from rtseg.training.nets.deeplab import DeepLab
from rtseg.training.nets.encoder_decoder import EncoderDecoder
from rtseg.training.nets.encoders import EfficientNetLite, Encoder, PlainEncoder
from rtseg.training.nets.fcn import FCN8s, FCN16s, FCN32s
from rtseg.training.nets.gcn import GCN
from rtseg.training.nets.pspnet import PSPNet
from rtseg.training.nets.refinenet import RefineNet
from rtseg.training.nets.residual_unet import ResidualUNet
from rtseg.training.nets.stack import Stack
from rtseg.training.nets.summing_unet import SummingUNet
from rtseg.training.nets.unet import UNet

if TYPE_CHECKING:
    from collections.abc import Callable

_WITH_ENCODER: dict[str, Callable[[Encoder, int], SegmentationNet]] = {
    "fcn-32s": FCN32s,
    "fcn-16s": FCN16s,
    "fcn-8s": FCN8s,
    "encoder-decoder": EncoderDecoder,
    "unet": UNet,
    "unet-sum": SummingUNet,
    "unet-residual": ResidualUNet,
    "deeplab": DeepLab,
    "pspnet": PSPNet,
    "refinenet": RefineNet,
    "gcn": GCN,
}
NETS = ("stack", *_WITH_ENCODER)
"""Names, in the order of their history."""

ENCODERS = ("lite0", "lite1", "lite2", "plain")
NO_ENCODER = "none"
"""What stands in place of an encoder's name where the network has none."""


def encoders_of(net: str) -> tuple[str, ...]:
    """The encoders that a network takes, its usual one first.

    Raises:
        InputError: there is no network of that name.
    """
    if net not in NETS:
        raise InputError(f"There is no network {net!r}. Choose one of: {', '.join(NETS)}.")
    return ENCODERS if net in _WITH_ENCODER else (NO_ENCODER,)


def build(net: str, encoder: str, classes: int, *, pretrained: bool = True) -> SegmentationNet:
    """Make a network.

    Args:
        net: one of `NETS`.
        encoder: one of `encoders_of(net)`.
        classes: number of classes.
        pretrained: start a "lite" from ImageNet weights; without effect on others.

    Raises:
        InputError: there is no network of that name, or it takes no such encoder.
        MissingDependencyError: the pretrained weights' package is not installed.
    """
    known = encoders_of(net)
    if encoder not in known:
        raise InputError(f"There is no encoder {encoder!r} for {net}. Choose one of: {', '.join(known)}.")
    if encoder == NO_ENCODER:
        return Stack(classes)
    return _WITH_ENCODER[net](_encoder(encoder, pretrained), classes)


def _encoder(name: str, pretrained: bool) -> Encoder:
    if name == "plain":
        return PlainEncoder()
    return EfficientNetLite(int(name[-1]), pretrained=pretrained)


__all__ = [
    "ENCODERS",
    "NETS",
    "Labeller",
    "SegmentationNet",
    "build",
    "encoders_of",
    "macs",
    "normalized",
    "parameter_count",
]

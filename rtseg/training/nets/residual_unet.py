"""U-Net with residual blocks (Zhang, Liu, Wang 2018, Deep Residual U-Net).

The decoder's convolutions learn what to change of the map that they get, not the whole map, so two of them a
stride train as easily as one; the encoder's blocks have been residual all along.

Lightened: as `unet.py`, and a 1×1 convolution brings the concatenated maps to the block's width first.
"""

from __future__ import annotations

from torch import nn

from rtseg.training.nets.blocks import ConvBlock, ResidualBlock
from rtseg.training.nets.unet import UNet


class ResidualUNet(UNet):
    """U-Net whose decoder has a residual block of two 3×3 convolutions at each stride."""

    def block(self, deep: int, skip: int, width: int) -> nn.Module:
        """A 1×1 convolution to `width` channels, then the residual block."""
        return nn.Sequential(ConvBlock(deep + skip, width, 1), ResidualBlock(width))

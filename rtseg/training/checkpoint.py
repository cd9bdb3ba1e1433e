"""Trained weights in a file that describes itself: safetensors, with the description in its header."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from rtseg.errors import InputError
from rtseg.training.nets import build

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from rtseg.training.nets import SegmentationNet


SUFFIX = ".safetensors"
USUAL_SIZE_HW = (360, 480)
"""Of CamVid as it is commonly used, and of what is trained without another size."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A trained network and how it came to be.

    Attributes:
        net: the network, in evaluation mode, float32.
        description: what `rtseg train` wrote about it: net, encoder, classes, recipe, data, scores, versions.
        sha256: hash of the file.
    """

    net: SegmentationNet
    description: dict[str, Any]
    sha256: str

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the images that it was trained for, pixels."""
        height, width = self.description.get("recipe", {}).get("size_hw") or USUAL_SIZE_HW
        return height, width


def save(path: Path, state: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
    """Write weights and description, whole or not at all."""
    partial = path.with_name(f".{path.name}.part")
    contiguous = {name: value.contiguous() for name, value in state.items()}
    save_file(contiguous, partial, metadata={"rtseg": json.dumps(dict(description))})
    os.replace(partial, path)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint and rebuild its network.

    Raises:
        InputError: the file is missing, is not a checkpoint of rtseg, or does not fit the network it names.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file. Train one with: rtseg train --data DIR --out DIR")
    try:
        with safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get("rtseg")
            state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118, not a mapping
        description = json.loads(header or "")
        net = build(description["net"], description["encoder"], len(description["classes"]), pretrained=False)
        net.load_state_dict(state)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise InputError(f"{path}: this is not a checkpoint that `rtseg train` wrote.") from error
    return Checkpoint(net.eval(), description, hashlib.sha256(path.read_bytes()).hexdigest())

"""Which frames INT8 ranges come from, and the ranges themselves."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

from rtseg.errors import DataError
from rtseg.training.histogram import histograms
from rtseg.training.insert_qdq import LEVELS, activation_edges
from rtseg.training.onnx_files import producers
from rtseg.training.ranges import METHODS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

    from rtseg.training.data import LabelledFolder
    from rtseg.training.judge import OnStep

Ranges = dict[str, float]
"""The largest magnitude kept, by tensor."""


def choose_frames(data: LabelledFolder, count: int, seed: int) -> list[int]:
    """`count` different indices into `data`, decided by `seed`, in order.

    Raises:
        DataError: the split has fewer frames.
    """
    if len(data) < count:
        raise DataError(
            f"{data.root / data.split}: holds {len(data)} frames, but {count} are to be calibrated on. "
            "Ask for fewer or add frames."
        )
    return sorted(random.Random(seed).sample(range(len(data)), count))


def frame_list(data: LabelledFolder, indices: Sequence[int], seed: int) -> dict[str, object]:
    """The chosen frames by name, relative to the data folder, and hash."""
    frames = [
        {"path": f"{data.split}/{path.name}", "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in (data.image_paths[index] for index in indices)
    ]
    return {"schema": 1, "split": data.split, "seed": seed, "frames": frames}


def ranges_by_method(
    model: onnx.ModelProto, data: LabelledFolder, indices: Sequence[int], on_step: OnStep
) -> dict[str, Ranges]:
    """Ranges of every tensor that is to be quantised, by each of `METHODS`, from one pass over the frames."""
    tensors = list(activation_edges(model))
    counted = histograms(model, tensors, data, indices, on_step)
    made_by = producers(model)
    ranges = {method: {name: find(counted[name]) for name in tensors} for method, find in METHODS.items()}
    for name in tensors:
        if made_by[name].op_type == "Sub":
            # The image less its mean: integers −127…128, which a scale of 1 keeps exactly, but for one level.
            for found in ranges.values():
                found[name] = float(LEVELS)
    return ranges

"""How the values of a tensor are spread: one pass over the frames serves every range method."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx

from rtseg.training import judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rtseg.training.data import LabelledFolder
    from rtseg.training.judge import OnStep

BINS = 2048
"""Enough that a bin is a sixteenth of an INT8 step at the widest range."""


class Histogram:
    """Counts of |x| in `BINS` equal bins from 0 to `top`; `top` doubles when a greater value comes.

    Doubling merges bins in pairs, so that the counts stay exact and no second pass is needed.
    """

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros(BINS, dtype=np.int64)
        self.top = 0.0
        self.largest = 0.0

    def add(self, values: NDArray[np.float32]) -> None:
        """Count all of `values`, of any shape."""
        magnitudes = np.abs(values).ravel()
        self.largest = max(self.largest, float(magnitudes.max()))
        if self.top == 0.0:
            self.top = self.largest
        while self.largest > self.top:
            pairs = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.concatenate([pairs, np.zeros_like(pairs)])
            self.top *= 2
        if self.top == 0.0:
            self.counts[0] += magnitudes.size
            return
        bins = (magnitudes * np.float32(BINS / self.top)).astype(np.int32)
        self.counts += np.bincount(np.minimum(bins, BINS - 1), minlength=BINS)


def histograms(
    model: onnx.ModelProto,
    tensors: Sequence[str],
    data: LabelledFolder,
    indices: Sequence[int],
    on_step: OnStep = judge.quiet,
) -> dict[str, Histogram]:
    """Run the float `model` on the frames `indices` and count each of `tensors`."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    known = {output.name for output in watched.graph.output}
    watched.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        for name in tensors
        if name not in known
    )
    session = judge.session_from_model(watched)
    counted = {name: Histogram() for name in tensors}
    for done, (image_rgb, _) in enumerate(judge.images(data, indices, judge.input_size(model)), start=1):
        values = session.run(list(tensors), {"image": image_rgb[np.newaxis]})
        for name, value in zip(tensors, values, strict=True):
            counted[name].add(value)
        on_step("Watching activations", done, len(indices))
    return counted

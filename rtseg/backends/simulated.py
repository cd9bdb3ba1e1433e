"""A backend without a model: fixed cost, known answer; for tests, and for tuning a pipeline."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from rtseg.backends.base import Backend
from rtseg.classes import CAMVID
from rtseg.errors import InputError
from rtseg.model import Model

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rtseg.metadata import Precision


class SimulatedBackend(Backend):
    """Answers with a pure function of the image, a fixed time after it was asked.

    By default the function is `labels_from_green` and the time is as short as it takes. On the command line
    `simulated:15` is a backend that takes 15 ms.
    """

    name: ClassVar[str] = "simulated"
    distributions: ClassVar[tuple[str, ...]] = ("rtseg",)
    preferred_precisions: ClassVar[tuple[Precision, ...]] = ("fp32", "fp16", "int8")
    default_cost_ms: ClassVar[float] = 0.0
    device = "none"

    def __init__(
        self,
        model: Model,
        *,
        threads: int | None = None,
        streams: int = 1,
        cost_ms: float | None = None,
        labels: Callable[[NDArray[np.uint8], int], NDArray[np.uint8]] | None = None,
    ) -> None:
        """Take size and classes from `model`; its file is not read.

        Args:
            model: any model, or the one that `SimulatedBackend.model` makes.
            threads: without effect.
            streams: likewise.
            cost_ms: how long `infer` takes; more, if computing the labels takes longer.
            labels: gives ids, uint8 (H, W), of an image, uint8 (H, W, 3), RGB, and a number of classes.
        """
        super().__init__(model, threads=threads, streams=streams)
        self.cost_ms = self.default_cost_ms if cost_ms is None else cost_ms
        self._labels = labels or labels_from_green

    @classmethod
    def costing(cls, cost_ms: float) -> type[SimulatedBackend]:
        """Return this class with another default cost.

        Raises:
            InputError: the cost is negative, infinite or not a number.
        """
        if not 0 <= cost_ms < float("inf"):
            raise InputError(f"simulated:{cost_ms:g}: the cost in milliseconds must be 0 or more.")
        return type(cls.__name__, (cls,), {"default_cost_ms": cost_ms, "__doc__": cls.__doc__})

    @staticmethod
    def synthetic_model() -> Model:
        """Return a model for runs without any file: CamVid's classes at 480×360."""
        scores: dict[str, Any] = {}
        return Model(
            path=Path("simulated"),
            name="simulated",
            version="1",
            precision="fp32",
            classes=CAMVID,
            input_hw=(360, 480),
            data="none",
            data_licence="none",
            scores=scores,
            parent_sha256="none",
            calibration_sha256="none",
            sha256="none",
        )

    def _open(self) -> None:
        """Nothing to load."""

    def _infer(self, image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        due_ns = time.perf_counter_ns() + round(self.cost_ms * 1e6)
        labels = self._labels(image_rgb, len(self.model.classes))
        while (left_ns := due_ns - time.perf_counter_ns()) > 0:
            time.sleep(left_ns / 1e9)
        return labels

    def _close(self) -> None:
        """Nothing to let go of."""


def labels_from_green(image_rgb: NDArray[np.uint8], classes: int) -> NDArray[np.uint8]:
    """Return ids (H, W): the green level's place among `classes` equal ranges, the darkest being 0."""
    table = (np.arange(256) * classes // 256).astype(np.uint8)
    return table[image_rgb[..., 1]]

"""Models and frames for the backends' tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rtseg.classes import CAMVID
from rtseg.model import Model
from rtseg.training.data import LabelledFolder
from tests.backends.models import labelled_frames, write_models

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

TINY_HW = (72, 96)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, camvid: Path) -> dict[str, Model]:
    """A small model of the real kind by precision."""
    folder = write_models(tmp_path_factory.mktemp("tiny"), camvid, TINY_HW, "plain")
    return {precision: Model.read(folder / f"{precision}.onnx") for precision in ("fp32", "fp16", "int8")}


@pytest.fixture(scope="session")
def frames(camvid: Path) -> list[NDArray[np.uint8]]:
    """Real frames, which the small model was not fitted to, at its size."""
    return labelled_frames(LabelledFolder(camvid, "val", CAMVID), TINY_HW)[0]

"""How well a shipped file labels a split: the file that ships, in the runtime that ships."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtseg import report
from rtseg.errors import DataError
from rtseg.training.boundary import Boundaries
from rtseg.training.confusion import ConfusionMatrix
from rtseg.training.data import image_at, labels_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtseg.backends.base import Backend
    from rtseg.training.data import LabelledFolder


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was counted: all pixels, and those along edges."""

    confusion: ConfusionMatrix
    boundaries: Boundaries


def evaluate(
    backend: Backend,
    folder: LabelledFolder,
    *,
    on_image: Callable[[int], None] = lambda _done: None,
) -> Evaluation:
    """Label all images of `folder` with `backend`, which is open, and count.

    An image of another size than the model's is resized to it, and its labels are brought back to the size of
    the truth (nearest neighbour), which is never resized.

    Raises:
        DataError: the folder breaks its contract, or its classes are not the model's.
    """
    model = backend.model
    if model.classes.names != folder.classes.names:
        raise DataError(f"{folder.root}: its classes are not those of the model {model.name}.")
    counted = Evaluation(ConfusionMatrix(model.classes), Boundaries(model.classes))
    for index in range(len(folder)):
        image, truth = folder.read(index)
        ids = labels_at(backend.infer(image_at(image, model.input_hw)), truth.shape)
        counted.confusion.add(truth, ids)
        counted.boundaries.add(truth, ids)
        on_image(index + 1)
    return counted


def report_of(counted: Evaluation, folder: LabelledFolder, backend: Backend) -> dict[str, Any]:
    """The `eval` report, schema 1."""
    confusion, boundaries = counted.confusion, counted.boundaries
    return {
        "schema": report.SCHEMA,
        "command": "eval",
        "split": folder.split,
        "images": len(folder),
        "miou": confusion.miou(),
        "pixel_accuracy": confusion.pixel_accuracy(),
        "iou": confusion.iou(),
        "boundary_miou": boundaries.miou(),
        "boundary_iou": boundaries.iou(),
        "absent": confusion.absent(),
        "model": report.model_facts(backend.model),
        "environment": report.environment(backend.name, backend.version()),
    }

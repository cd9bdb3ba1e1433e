"""mIoU on labelled images, of the GPU and of ONNX Runtime on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtseg.backends.onnxruntime import OnnxRuntimeBackend

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtseg.backends.base import Backend
    from rtseg.gpu_report.request import Request


def scores(backend: Backend, request: Request, check_stopped: Callable[[], None]) -> dict[str, Any]:
    """Scores of an open backend and of the reference, ready for JSON; fractions of 1.

    Args:
        backend: the backend.
        request: names the data.
        check_stopped: called after each image; raises Interrupted to end it.

    Raises:
        DataError: the data breaks its contract.
    """
    from rtseg.training.evaluate import evaluate

    labelled = request.labelled(backend.model)
    found: dict[str, Any] = {"split": labelled.split, "images": len(labelled)}
    with OnnxRuntimeBackend(backend.model) as reference:
        for judged in (backend, reference):
            counted = evaluate(judged, labelled, on_image=lambda _: check_stopped())
            found[judged.name] = {
                "miou": counted.confusion.miou(),
                "pixel_accuracy": counted.confusion.pixel_accuracy(),
                "boundary_miou": counted.boundaries.miou(),
            }
    return found

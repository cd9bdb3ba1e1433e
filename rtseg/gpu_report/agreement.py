"""Labels of the GPU against those of ONNX Runtime on the CPU, for the same file and the same frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtseg.backends.onnxruntime import OnnxRuntimeBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rtseg.backends.base import Backend
    from rtseg.gpu_report.frames import Sample
    from rtseg.metadata import Precision

EXPECTED = {"fp32": 99.5, "fp16": 99.0, "int8": 95.0}
"""Per cent of the pixels of all frames that should have the same label; below, something is wrong.

Taken from what the CPU runtimes reach among each other, with room for TF32, in which TensorRT may compute
float32. INT8 on a CPU without its dot product instructions saturates, and so differs by itself.
"""


def agreement(
    backend: Backend, samples: Sequence[Sample], check_stopped: Callable[[], None]
) -> dict[str, Any]:
    """How far the labels of an open backend are those of ONNX Runtime, ready for JSON; per cent of pixels.

    Args:
        backend: the backend.
        samples: the frames, at least one.
        check_stopped: called before each; raises Interrupted to end it.
    """
    frames: list[dict[str, Any]] = []
    with OnnxRuntimeBackend(backend.model) as reference:
        for sample in samples:
            check_stopped()
            ours, theirs = backend.infer(sample.image_rgb), reference.infer(sample.image_rgb)
            percent = percent_equal(ours, theirs)
            frames.append({"origin": sample.origin, "index": sample.index, "percent": percent})
    percents = [frame["percent"] for frame in frames]
    return {
        "reference": f"onnxruntime {reference.version()}",
        "percent": sum(percents) / len(percents),
        "worst": min(frames, key=lambda frame: frame["percent"]),
        "expected_percent": EXPECTED[backend.model.precision],
        "frames": frames,
    }


def percent_equal(ours: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> float:
    """Share of pixels with the same label, per cent."""
    return 100.0 * float((ours == theirs).mean())


def complaint(precision: Precision, facts: dict[str, Any]) -> str | None:
    """What is to be said if they agree less than they should."""
    if facts["percent"] >= facts["expected_percent"]:
        return None
    return (
        f"{precision}: only {facts['percent']:.2f} % of the pixels have ONNX Runtime's label; "
        f"{facts['expected_percent']:g} % or more were expected"
    )

"""The layers of a plan: descriptions, and how long each takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtseg.gpu_report.fusion import borders_from_json, fusion, layers_from_json, weights_sentence
from rtseg.gpu_report.opened import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rtseg.tensorrt.plan import Plan

RUNS = 50
"""Profiled ones; a profiled run waits after each layer, so their sum is more than a run takes."""


def layer_facts(
    plan: Plan,
    input_hw: tuple[int, int],
    images_rgb: Sequence[NDArray[np.uint8]],
    check_stopped: Callable[[], None],
) -> tuple[dict[str, Any], str]:
    """What the layers are, and what each takes.

    Args:
        plan: one that describes its layers.
        input_hw: height and width of the model's image.
        images_rgb: uint8, (H, W, 3) each.
        check_stopped: called before each image; raises Interrupted to end it.

    Returns:
        The facts, ready for JSON, and what TensorRT said, unread.

    Raises:
        InputError, DeviceFault: what `opened` raises, or the GPU failed.
        Interrupted: `check_stopped` did.
    """
    from rtseg.tensorrt.layers import LayerTimes, layers_as_json

    times = LayerTimes()
    with opened(plan, input_hw, with_graph=False) as found:
        text = layers_as_json(found.engine)
        (lane,) = found.lanes
        lane.watch(times)
        for run in range(RUNS):
            check_stopped()
            lane.run(images_rgb[run % len(images_rgb)])
    facts = fusion(layers_from_json(text))
    return {
        **facts,
        "weights": weights_sentence(facts),
        "borders": borders_from_json(text),
        "runs": RUNS,
        "mean_ms": {name: total / RUNS for name, total in times.total_ms.items()},
    }, text


def slowest(facts: dict[str, Any], count: int) -> list[tuple[str, float, float]]:
    """Name, mean milliseconds and share of the whole of the layers that take longest."""
    times: dict[str, float] = facts["mean_ms"]
    whole = sum(times.values()) or 1.0
    ranked = sorted(times.items(), key=lambda item: -item[1])[:count]
    return [(name, ms, ms / whole) for name, ms in ranked]

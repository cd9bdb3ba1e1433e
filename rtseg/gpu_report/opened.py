"""A plan, opened in lanes of its own, to be measured."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtseg.cuda.device import Device, forsake
from rtseg.runtimes import load_pycuda

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rtseg.tensorrt.engine import Engine
    from rtseg.tensorrt.lane import Lane
    from rtseg.tensorrt.plan import Plan


@dataclass(slots=True)
class Opened:
    """A plan and its lanes, with the context pushed in the thread that opened it.

    Attributes:
        engine: the plan.
        lanes: its lanes.
        zero: an event that has passed, from which times are counted; None once the plan is closed.
        is_integrated: whether the GPU works in the machine's own memory.
    """

    engine: Engine
    lanes: list[Lane]
    zero: Any
    is_integrated: bool


@contextmanager
def opened(
    plan: Plan, input_hw: tuple[int, int], *, lanes: int = 1, with_graph: bool = True
) -> Iterator[Opened]:
    """Open a plan; all of it is gone afterwards.

    Args:
        plan: the plan.
        input_hw: height and width of the model's image.
        lanes: how many images can be under way.
        with_graph: whether a lane tries for a CUDA graph.

    Raises:
        InputError: there is no GPU, no room on it, or TensorRT does not take the plan.
        DeviceFault: TensorRT or the GPU refuses.
    """
    from rtseg.tensorrt.engine import Engine
    from rtseg.tensorrt.lane import Lane, free

    with Device() as device, device.pushed():
        engine = Engine(plan, input_hw)
        made = [Lane() for _ in range(lanes)]
        found = Opened(engine, made, None, device.gpu.is_integrated)
        try:
            for lane in made:
                lane.open(engine, device.gpu, input_hw, with_graph=with_graph)
            found.zero = _passed_event()
            yield found
        finally:
            if device.is_sound:
                found.zero = None
                free(made, engine)
            else:
                forsake(found)


def _passed_event() -> Any:  # noqa: ANN401  # pycuda has no types
    event = load_pycuda().Event()
    event.record()
    event.synchronize()
    return event

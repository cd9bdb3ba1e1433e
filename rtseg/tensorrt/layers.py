"""The layers of a plan as TensorRT has made them: what they are, and how long each takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtseg.errors import DeviceFault
from rtseg.tensorrt.logger import the_log

if TYPE_CHECKING:
    import tensorrt as trt

    from rtseg.tensorrt.engine import Engine
else:
    from rtseg.runtimes import load_tensorrt

    trt = load_tensorrt()


class LayerTimes(trt.IProfiler):
    """Sums up what TensorRT tells of each layer; for `Lane.watch`. In the thread that runs the lane.

    TensorRT keeps a reference to it as long as the context lives.

    Attributes:
        total_ms: by the layer's name, in the order of execution, over all runs.
    """

    def __init__(self) -> None:
        trt.IProfiler.__init__(self)
        self.total_ms: dict[str, float] = {}

    def report_layer_time(self, layer_name: str, ms: float) -> None:
        """What TensorRT calls."""
        self.total_ms[layer_name] = self.total_ms.get(layer_name, 0.0) + ms


def layers_as_json(engine: Engine) -> str:
    """What TensorRT says of the plan's layers, unread; only names unless it was built to describe them.

    Raises:
        DeviceFault: it says nothing.
    """
    inspector: trt.EngineInspector | None = engine.engine.create_engine_inspector()
    if inspector is None:
        raise DeviceFault(f"TensorRT does not describe the plan: {the_log().take_reason()}.")
    text: str = inspector.get_engine_information(trt.LayerInformationFormat.JSON)
    return text

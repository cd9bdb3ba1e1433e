"""OpenVINO on the CPU: the default where there is no GPU."""

from __future__ import annotations

import queue
import re
from typing import TYPE_CHECKING, Any, ClassVar

from rtseg.backends.base import Backend
from rtseg.backends.compiled import Settings, compiled_for_cpu
from rtseg.errors import ModelError
from rtseg.runtimes import load_openvino

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rtseg.metadata import Precision


_PROPERTIES = (
    "PERFORMANCE_HINT", "NUM_STREAMS", "INFERENCE_NUM_THREADS", "INFERENCE_PRECISION_HINT",
    "OPTIMAL_NUMBER_OF_INFER_REQUESTS", "ENABLE_HYPER_THREADING", "ENABLE_CPU_PINNING",
)  # fmt: skip


class OpenVinoBackend(Backend):
    """One compiled model and an infer request a stream, which reads the image where it lies.

    Floating point is float32 for every file, so that labels do not depend on which
    others a CPU knows.
    The compiled model is kept for the next time, see `compiled_for_cpu`.
    """

    name: ClassVar[str] = "openvino"
    distributions: ClassVar[tuple[str, ...]] = ("openvino",)
    has_streams: ClassVar[bool] = True
    preferred_precisions: ClassVar[tuple[Precision, ...]] = ("int8", "fp32", "fp16")

    _runtime: Any = None
    _compiled: Any = None
    _requests: queue.SimpleQueue[Any]

    def _open(self) -> None:
        self._runtime = load_openvino()
        settings: Settings = {"INFERENCE_PRECISION_HINT": "f32"}
        if self.streams == 1:
            settings["PERFORMANCE_HINT"] = "LATENCY"
        else:
            settings["NUM_STREAMS"] = self.streams
        if self.threads is not None:
            settings["INFERENCE_NUM_THREADS"] = self.threads
        core = self._runtime.Core()
        try:
            compiled = compiled_for_cpu(core, self._runtime.__version__, self.model, settings)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ModelError(f"{self.model.path}: OpenVINO cannot run it: {reason}") from error
        self._compiled = compiled
        self._requests = queue.SimpleQueue()
        for _ in range(self.streams):
            self._requests.put(compiled.create_infer_request())
        self.device = core.get_property("CPU", "FULL_DEVICE_NAME").strip()

    def settings(self) -> dict[str, Any]:
        """The compiled model's properties; benchmark_app prints them under the same names."""
        return {name: _plain(self._compiled.get_property(name)) for name in _PROPERTIES}

    def _infer(self, image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        batch = self._runtime.Tensor(image_rgb[None], shared_memory=True)
        request = self._requests.get()
        try:
            request.set_input_tensor(batch)
            request.infer()
            # Copied: whoever gets the request next writes there.
            labels: NDArray[np.uint8] = request.get_output_tensor().data[0].copy()
        finally:
            self._requests.put(request)
        return labels

    def _close(self) -> None:
        self._requests = queue.SimpleQueue()
        self._compiled = None
        self._runtime = None


def _plain(value: Any) -> int | str:  # noqa: ANN401  # OpenVINO has no types
    """A property's value; of an enumeration or a type its name."""
    if isinstance(value, int):
        return value
    quoted = re.search(r"'(\w+)'", str(value))
    return quoted[1] if quoted else str(value).rpartition(".")[2]

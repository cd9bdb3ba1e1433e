"""ONNX Runtime on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rtseg.backends.base import Backend
from rtseg.errors import ModelError
from rtseg.runtimes import load_onnxruntime

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rtseg.metadata import Precision


class OnnxRuntimeBackend(Backend):
    """One session with all graph optimisations; prints errors only, and those are raised as well."""

    name: ClassVar[str] = "onnxruntime"
    distributions: ClassVar[tuple[str, ...]] = ("onnxruntime",)
    has_streams: ClassVar[bool] = True
    preferred_precisions: ClassVar[tuple[Precision, ...]] = ("fp32", "int8", "fp16")
    device = "CPU"

    _session: Any = None

    def _open(self) -> None:
        ort = load_onnxruntime()
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        if self.threads is not None:
            options.intra_op_num_threads = max(1, self.threads // self.streams)
        state = ort.capi.onnxruntime_pybind11_state
        try:
            self._session = ort.InferenceSession(
                str(self.model.path), options, providers=["CPUExecutionProvider"]
            )
        except (state.InvalidProtobuf, state.InvalidGraph, state.Fail, state.NotImplemented) as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"{self.model.path}: ONNX Runtime cannot run it: {reason}") from error

    def settings(self) -> dict[str, Any]:
        """The session's threads and its provider."""
        options = self._session.get_session_options()
        return {
            "intra_op_num_threads": options.intra_op_num_threads,
            "execution_provider": self._session.get_providers()[0],
        }

    def _infer(self, image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        (labels,) = self._session.run(["labels"], {"image": image_rgb[None]})
        first: NDArray[np.uint8] = labels[0]
        return first

    def _close(self) -> None:
        self._session = None

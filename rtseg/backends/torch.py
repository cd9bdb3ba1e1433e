"""torch on the CPU: the reference that the other backends are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rtseg.backends.base import Backend
from rtseg.errors import MissingDependencyError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rtseg.metadata import Precision


class TorchBackend(Backend):
    """Executes the ONNX graph node by node, as ONNX defines each, with nothing fused.

    Floating point is float32 for every file: an fp16 file's weights are the halves that it stores, but sums
    and what flows between nodes are float32, as in OpenVINO. An INT8 file is computed as its Q and DQ say.
    `threads` is a setting of the whole process in torch.
    """

    name: ClassVar[str] = "torch"
    distributions: ClassVar[tuple[str, ...]] = ("torch", "onnx")
    preferred_precisions: ClassVar[tuple[Precision, ...]] = ("fp32", "fp16", "int8")
    device = "CPU"

    _torch: Any = None
    _graph: Any = None

    def _open(self) -> None:
        try:
            import torch

            from rtseg.backends.torch_graph import TorchGraph
        except ImportError as error:
            raise MissingDependencyError(error.name or "torch", extra="train") from error
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        self._torch = torch
        self._graph = TorchGraph.read(self.model.path)

    def _infer(self, image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        with self._torch.inference_mode():
            labels = self._graph(self._torch.from_numpy(image_rgb[None]))
        first: NDArray[np.uint8] = labels[0].numpy()
        return first

    def _close(self) -> None:
        self._graph = None

"""Types of a network in TensorRT 10 and newer: those that the ONNX file states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtseg.tensorrt.options import parts

if TYPE_CHECKING:
    import tensorrt as trt
else:
    from rtseg.runtimes import load_tensorrt

    trt = load_tensorrt()


def network_flags() -> int:
    """What `Builder.create_network` wants to be given; in 11 there is no other kind of network."""
    if parts(trt.__version__) >= (11,):
        return 0
    return 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)

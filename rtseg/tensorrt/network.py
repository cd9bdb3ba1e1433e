"""The ONNX file, parsed into a network of TensorRT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtseg.errors import DeviceError, ModelError
from rtseg.runtimes import load_onnx
from rtseg.tensorrt.logger import one_line, the_log
from rtseg.tensorrt.options import parts

if TYPE_CHECKING:
    from pathlib import Path

    import tensorrt as trt
else:
    from rtseg.runtimes import load_tensorrt

    trt = load_tensorrt()


def is_weakly_typed() -> bool:
    """Whether this is TensorRT 8."""
    return parts(trt.__version__) < (10,)


def builder_here() -> trt.Builder:
    """A builder for the GPU that is current in this thread.

    Raises:
        DeviceError: TensorRT cannot use it, for instance because the driver is too old.
    """
    try:
        return trt.Builder(the_log())
    except (TypeError, RuntimeError) as error:  # what pybind11 makes of a factory that returns nothing
        raise DeviceError(
            f"TensorRT {trt.__version__} cannot use the GPU: {the_log().take_reason()}.\n"
            "It may need a newer NVIDIA driver; `nvidia-smi` shows the newest CUDA that this one knows."
        ) from error


def network_from_onnx(
    builder: trt.Builder, path: Path, content: bytes
) -> tuple[trt.INetworkDefinition, trt.OnnxParser]:
    """Parse a model file.

    Args:
        builder: the one that will build it.
        path: of the file, for messages.
        content: its bytes.

    Returns:
        The network, and the parser, which owns the weights: it must live until the plan is built.

    Raises:
        ModelError: TensorRT does not take the file.
    """
    content = _for_parser(path, content)
    network: trt.INetworkDefinition | None = builder.create_network(_flags())
    if network is None:
        raise ModelError(f"{path}: TensorRT {trt.__version__} makes no network: {the_log().take_reason()}.")
    parser = trt.OnnxParser(network, the_log())
    if not parser.parse(content, str(path)):
        raise ModelError(f"{path}: TensorRT {trt.__version__} does not read it: {_reason(parser)}.{_hint()}")
    return network, parser


def _for_parser(path: Path, content: bytes) -> bytes:
    """The file with plain weights; one that is damaged as it is, as the parser says best what is wrong."""
    load_onnx()
    from rtseg.tensorrt.onnx_file import read_onnx, weights_as_float

    model = read_onnx(content)
    if model is None:
        return content
    if is_weakly_typed():
        from rtseg.tensorrt.weakly_typed import check_opset

        check_opset(path, model)
    plain: bytes = weights_as_float(model).SerializeToString()
    return plain


def _flags() -> int:
    if is_weakly_typed():
        from rtseg.tensorrt import weakly_typed

        return weakly_typed.network_flags()
    from rtseg.tensorrt import strongly_typed

    return strongly_typed.network_flags()


def _reason(parser: trt.OnnxParser) -> str:
    """The parser's first error, or what the logger was told if the parser has none."""
    logged = the_log().take_reason()
    for index in range(parser.num_errors):
        text = one_line(str(parser.get_error(index)))  # names the node, which desc() does not
        if text:
            return text.rstrip(".")
    return logged.rstrip(".")


def _hint() -> str:
    if not is_weakly_typed():
        return ""
    from rtseg.tensorrt.weakly_typed import HINT

    return f"\n{HINT}"

"""What each layer costs on OpenVINO, and how near it comes to what the machine can do: Markdown tables.

python benchmarks/layers.py [MODEL.onnx] [--threads N] [--top 15]

Times are OpenVINO's own counters, the median over 40 images, with the settings of rtseg's backend. The peak
is a large int8 convolution (3×3, 256 channels in and out, 60×80) timed the same way, in turns with the model:
what the machine multiplies and adds in a second if nothing else is to be done. The share of the peak is the
time that the multiplications alone would take there, of the time that was taken.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from rtseg.model import find_model
from rtseg.report import environment
from rtseg.runtimes import load_openvino

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROUNDS = 4
IMAGES = 10
"""A round."""
PEAK_CHANNELS, PEAK_SIZE = 256, (60, 80)


@dataclass(frozen=True)
class Layer:
    """One node of the executed graph: what it is, what runs it, its multiplications, its median time."""

    name: str
    kind: str
    kernel: str
    macs: int
    ms: float


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?", type=Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--top", type=int, default=15)
    arguments = parser.parse_args()
    path = arguments.model or find_model(None, "int8", ()).path
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.onnx"
        onnx.save(large_convolution(), large)
        model, peak = Timed(path, arguments.threads), Timed(large, arguments.threads)
        for _ in range(ROUNDS):
            model.run()
            peak.run()
    layers, convolution = model.layers(), max(peak.layers(), key=lambda layer: layer.macs)
    facts = environment()
    print(
        f"{path.parent.name}/{path.name} on {arguments.threads} threads of {facts['cpu']}, OpenVINO "
        f"{load_openvino().__version__.partition('-')[0]}\n"
    )
    print_tables(layers, convolution.macs / convolution.ms, arguments.top)


def print_tables(layers: list[Layer], macs_per_ms: float, top: int) -> None:
    """Print all kinds of layers, and the longest of them, beside the peak."""
    whole, macs = sum(layer.ms for layer in layers), sum(layer.macs for layer in layers)
    print(
        f"Peak: {macs_per_ms / 1e6:.0f} billion multiplications and additions a second. The graph has "
        f"{macs / 1e9:.2f} billion, {macs / macs_per_ms:.1f} ms at the peak; its layers take {whole:.1f} ms: "
        f"{macs / macs_per_ms / whole:.0%} of the peak.\n"
    )
    kinds: dict[tuple[str, str], list[Layer]] = defaultdict(list)
    for layer in layers:
        if layer.ms:
            kinds[layer.kind, layer.kernel].append(layer)
    print("| layers | by | how many | ms | of all | of the peak |\n|---|---|---|---|---|---|")
    for (kind, kernel), some in sorted(kinds.items(), key=lambda item: -sum(each.ms for each in item[1])):
        ms, work = sum(each.ms for each in some), sum(each.macs for each in some)
        part = share(work, macs_per_ms, ms)
        print(f"| {kind} | {kernel} | {len(some)} | {ms:.2f} | {ms / whole:.0%} | {part} |")
    print("\n| layer | by | ms | of the peak |\n|---|---|---|---|")
    for layer in sorted(layers, key=lambda layer: -layer.ms)[:top]:
        part = share(layer.macs, macs_per_ms, layer.ms)
        print(f"| {layer.name} | {layer.kernel} | {layer.ms:.2f} | {part} |")


def share(macs: int, macs_per_ms: float, ms: float) -> str:
    """How much of the peak that is; nothing for layers that multiply nothing."""
    return f"{macs / macs_per_ms / ms:.0%}" if macs else ""


class Timed:
    """A compiled model whose layers are timed."""

    def __init__(self, path: Path, threads: int) -> None:
        """Compile it as rtseg's backend does for live runs."""
        core = load_openvino().Core()
        source = core.read_model(path)
        self._macs = {node.get_friendly_name(): macs_of(node) for node in source.get_ordered_ops()}
        settings = {
            "PERF_COUNT": True,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
        }
        self._request = core.compile_model(source, "CPU", settings).create_infer_request()
        port = source.input(0)
        noise = np.random.default_rng(0)
        shape, is_byte = tuple(port.shape), port.element_type.get_type_name() == "u8"
        self._image: NDArray[Any] = (
            noise.integers(0, 256, shape, np.uint8) if is_byte else noise.standard_normal(shape, np.float32)
        )
        self._times: dict[str, list[float]] = defaultdict(list)
        self._kinds: dict[str, tuple[str, str]] = {}
        self._request.infer([self._image])

    def run(self) -> None:
        """A round."""
        for _ in range(IMAGES):
            self._request.infer([self._image])
            for entry in self._request.profiling_info:
                self._times[entry.node_name].append(entry.real_time.total_seconds() * 1000)
                self._kinds[entry.node_name] = entry.node_type, entry.exec_type

    def layers(self) -> list[Layer]:
        """All that were executed."""
        return [
            Layer(name, *self._kinds[name], self._macs.get(name, 0), statistics.median(times))
            for name, times in self._times.items()
        ]


def macs_of(node: Any) -> int:  # noqa: ANN401  # OpenVINO has no types
    """How many multiplications and additions a convolution is."""
    kind = node.get_type_name()
    if kind not in {"Convolution", "GroupConvolution"}:
        return 0
    weights = list(node.input_value(1).shape)
    per_output = weights[1:] if kind == "Convolution" else weights[2:]
    return int(np.prod(list(node.output(0).shape))) * int(np.prod(per_output))


def large_convolution() -> onnx.ModelProto:
    """A convolution between Q/DQ pairs, as the shipped file has them."""
    channels, (height, width) = PEAK_CHANNELS, PEAK_SIZE
    shape = [1, channels, height, width]
    weights = np.random.default_rng(1).integers(-127, 128, (channels, channels, 3, 3)).astype(np.int8)
    constants = {
        "scale": np.float32(0.02),
        "zero": np.int8(0),
        "weights": weights,
        "scales": np.full(channels, 1e-3, np.float32),
        "zeros": np.zeros(channels, np.int8),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["image", "scale", "zero"], ["q0"]),
        helper.make_node("DequantizeLinear", ["q0", "scale", "zero"], ["x0"]),
        helper.make_node("DequantizeLinear", ["weights", "scales", "zeros"], ["w"], axis=0),
        helper.make_node("Conv", ["x0", "w"], ["x1"], "large", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("QuantizeLinear", ["x1", "scale", "zero"], ["q1"]),
        helper.make_node("DequantizeLinear", ["q1", "scale", "zero"], ["out"]),
    ]
    graph = helper.make_graph(
        nodes,
        "large",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


if __name__ == "__main__":
    main()

"""Colours over pictures, by the CPU and by the GPU that is here: a Markdown table of medians.

python benchmarks/gpu_paint.py

Pictures are noise, labels blocks of all classes at the model's size. CPU and GPU are the whole of
`Painter.paint`, copies included; the last three columns are parts of the GPU's, by events.
"""

from __future__ import annotations

import itertools
import statistics
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from rtseg.classes import CAMVID
from rtseg.cuda.buffers import buffer_for
from rtseg.cuda.device import Device, gpu_at
from rtseg.cuda.kernels import Kernels
from rtseg.cuda.painter import GpuPainter
from rtseg.cuda.planes import GpuPlanes, planar_bytes
from rtseg.frame import Frame, Labelled, LabelMap
from rtseg.picture import plane_view
from rtseg.runtimes import load_pycuda
from rtseg.stages.colorize import Colorize

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZES = ((640, 480), (1280, 720), (1920, 1080), (3840, 2160))
IDS_HW, BLOCK = (360, 480), 6
RUNS = 31


def main() -> None:
    """Print the table."""
    gpu = gpu_at()
    print(f"{gpu.name}, driver for CUDA {gpu.driver_version}\n")
    print("| picture | CPU, ms | GPU, ms | copied there, µs | painted, µs | copied back, µs |")
    print("|---|---|---|---|---|---|")
    for size in SIZES:
        item = _item(size)
        cpu, whole = (
            _median_ms(Colorize(CAMVID), item),
            _median_ms(Colorize(CAMVID, painter=GpuPainter()), item),
        )
        parts = " | ".join(f"{1e3 * ms:.0f}" for ms in _parts_ms(size))
        print(f"| {size[0]}×{size[1]} | {cpu:.2f} | {whole:.2f} | {parts} |")


def _item(size: tuple[int, int]) -> Labelled:
    picture, chance = av.VideoFrame(*size, "yuv420p"), np.random.default_rng(0)
    for index in range(3):
        view = plane_view(picture, index)
        view[:] = chance.integers(16, 236, view.shape, np.uint8)
    return Labelled(Frame(0, 0, Fraction(1, 25), 0, picture), LabelMap(_ids()))


def _ids() -> NDArray[np.uint8]:
    height, width = IDS_HW
    coarse = np.random.default_rng(0).integers(0, len(CAMVID), (height // BLOCK, width // BLOCK), np.uint8)
    return coarse.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)


def _median_ms(stage: Colorize, item: Labelled) -> float:
    times = []
    with stage:
        for _ in range(RUNS + 5):
            begun = time.perf_counter()
            stage.process(item)
            times.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(times[5:])


def _parts_ms(size: tuple[int, int]) -> list[float]:
    """The copy to the GPU, the kernel and the copy back."""
    driver = load_pycuda()
    with Device() as device, device.pushed():
        kernels, stream = Kernels(device), driver.Stream(1)
        events: list[Any] = [driver.Event() for _ in range(4)]
        picture, ids, tables = (
            buffer_for(device.gpu, shape) for shape in ((planar_bytes(*size),), IDS_HW, (4, 256))
        )
        picture.host[:], ids.host[:], tables.host[:] = 100, _ids(), np.arange(256, dtype=np.uint8)
        for buffer in (picture, ids, tables):
            buffer.upload(stream)
        planes = GpuPlanes.planar_at(picture.address, *size)
        found = []
        for _ in range(RUNS):
            events[0].record(stream)
            picture.upload(stream)
            events[1].record(stream)
            kernels.paint(planes, ids.address, IDS_HW, tables.address, 0.5, stream)
            events[2].record(stream)
            picture.download(stream)
            events[3].record(stream)
            stream.synchronize()
            found.append([after.time_since(before) for before, after in itertools.pairwise(events)])
        for buffer in (picture, ids, tables):
            buffer.free()
        kernels.unload()
        del stream, events
    return [statistics.median(times) for times in zip(*found, strict=True)]


if __name__ == "__main__":
    main()

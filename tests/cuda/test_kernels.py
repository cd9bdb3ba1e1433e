"""What kernels.cu makes of pictures, on the emulator, against exact means, swscale and the CPU's stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from av.video.reformatter import ColorRange, Interpolation

from rtseg.cuda.planes import GpuPlanes, planar_bytes
from rtseg.stages.colours import decoding_of, matrix_of, range_of, yuv_from_rgb
from rtseg.stages.preprocess import Preprocess
from tests.cuda.on_host import corner_of, first_picture, levels_of
from tests.stages.pictures import frame_of

if TYPE_CHECKING:
    import av

pytestmark = pytest.mark.usefixtures("clean")

ALL_OF_CHROMA = int(Interpolation.AREA) | 0x2000  # SWS_FULL_CHR_H_INT
FULL_SIZE = None


class Bench:
    """The kernels on a device, a stream, and arrays in the GPU's memory; all of it goes at the end."""

    def __enter__(self):
        from rtseg.cuda.device import Device
        from rtseg.cuda.kernels import Kernels
        from rtseg.runtimes import load_pycuda

        self.device, self.buffers = Device(), []
        self.around = self.device.pushed()
        self.around.__enter__()
        self.kernels, self.stream = Kernels(self.device), load_pycuda().Stream(flags=1)
        return self

    def __exit__(self, *_):
        try:
            self.stream.synchronize()
            for buffer in self.buffers:
                buffer.free()
        finally:  # a context that stays pushed would end the process, also where a kernel has failed
            self.kernels.unload()
            self.stream = None
            self.around.__exit__(None, None, None)
            self.device.close()

    def put(self, array):
        """The array on the GPU."""
        from rtseg.cuda.buffers import buffer_for

        self.buffers.append(buffer_for(self.device.gpu, array.shape))
        self.buffers[-1].host[...] = array
        self.buffers[-1].upload(self.stream)
        return self.buffers[-1]

    def get(self, buffer):
        """What has become of it."""
        buffer.download(self.stream)
        self.stream.synchronize()
        return buffer.host.copy()


def image_of(picture: av.VideoFrame, input_hw: tuple[int, int], *, layout: str, **siting) -> np.ndarray:
    """The model's input, made by a kernel."""
    y, u, v = levels_of(picture)
    decoding = decoding_of(matrix_of(picture), range_of(picture))
    with Bench() as bench:
        if layout == "nv12":
            luma, uv = bench.put(np.pad(y, ((0, 0), (0, 5)))), bench.put(np.stack([u, v], axis=2))
            planes = GpuPlanes.nv12_at(
                luma.address, y.shape[1] + 5, uv.address, 2 * u.shape[1], picture.width, picture.height
            )
        else:
            packed = np.concatenate([plane.ravel() for plane in (y, u, v)])
            assert packed.size == planar_bytes(picture.width, picture.height)
            planes = GpuPlanes.planar_at(bench.put(packed).address, picture.width, picture.height)
        out = bench.put(np.zeros((*input_hw, 3), np.uint8))
        bench.kernels.image_from_yuv(planes, decoding, out.address, input_hw, bench.stream, **siting)
        return bench.get(out)


def weights(made: int, size: int, shift: float = 0) -> np.ndarray:
    """(made, size): what each sample counts in each mean over an area, or between two samples."""
    scale = size / made
    centres = (np.arange(made) + 0.5) * scale + shift
    reach = max(scale, 1) / 2
    samples = np.arange(-2, size + 2)  # beyond the edge, its sample counts
    low = np.maximum(centres[:, None] - reach, samples)
    shares = np.clip(np.minimum(centres[:, None] + reach, samples + 1) - low, 0, None)
    folded = np.zeros((made, size))
    np.add.at(folded.T, np.clip(samples, 0, size - 1), shares.T)
    assert np.allclose(folded.sum(axis=1), 2 * reach)
    return folded / (2 * reach)


def exact_image(picture: av.VideoFrame, input_hw: tuple[int, int], shift_x: float) -> np.ndarray:
    """The model's input in double precision, not rounded."""
    height, width = input_hw
    means = [
        weights(height, plane.shape[0]) @ plane @ weights(width, plane.shape[1], shift).T
        for plane, shift in zip(levels_of(picture), (0, shift_x, shift_x), strict=True)
    ]
    matrix, colour_range = matrix_of(picture), range_of(picture)
    axes = np.vstack([np.zeros(3), 255 * np.eye(3)])
    black, *ends = yuv_from_rgb(axes, matrix, colour_range)
    to_yuv = (np.stack(ends) - black).T / 255  # the other way round, so that decoding_of is tested, too
    return np.clip((np.stack(means, axis=2) - black) @ np.linalg.inv(to_yuv).T, 0, 255)


@pytest.mark.parametrize(
    ("size", "input_hw"),
    [((960, 540), (96, 128)), ((701, 401), (60, 81)), ((97, 33), (55, 120)), ((64, 48), (48, 64))],
)
@pytest.mark.parametrize(
    ("colorspace", "color_range", "layout", "shift"),
    [(1, 1, "yuv420p", 0.25), (6, 2, "nv12", 0.25), (9, 1, "yuv420p", 0), (9, 2, "nv12", 0)],
)
def test_an_image_is_the_exact_mean_within_a_level(
    videos, size, input_hw, colorspace, color_range, layout, shift
):
    picture = corner_of(
        first_picture(videos / "highway.mp4"), size, colorspace=colorspace, color_range=color_range
    )
    image = image_of(picture, input_hw, layout=layout, chroma_shift=(shift, 0.0))
    exact = exact_image(picture, input_hw, shift)
    assert np.abs(image - exact).max() < 0.505  # nothing but the last rounding
    assert exact.std() > 10


@pytest.mark.parametrize("clip", ["highway.mp4", "london.mp4"])
def test_an_image_is_what_swscale_makes_of_all_of_chroma(videos, clip):
    picture = first_picture(videos / clip)
    made = picture.reformat(
        480, 360, "rgb24", src_colorspace=matrix_of(picture).swscale, src_color_range=range_of(picture),
        dst_color_range=ColorRange.JPEG, interpolation=ALL_OF_CHROMA, threads=1,
    ).to_ndarray()  # fmt: skip
    difference = np.abs(image_of(picture, (360, 480), layout="yuv420p").astype(int) - made)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


@pytest.mark.parametrize(("input_hw", "size"), [((353, 479), FULL_SIZE), ((60, 81), (701, 401))])
def test_an_image_of_odd_width_is_that_of_the_stage_within_a_level(videos, input_hw, size):
    picture = first_picture(videos / "london.mp4")
    siting = {}
    if size is not FULL_SIZE:  # PyAV's own pictures do not say where chroma lies, which is amid luma then
        picture, siting = corner_of(picture, size), {"chroma_shift": (0.0, 0.0)}
    image = image_of(picture, input_hw, layout="yuv420p", **siting)
    assert np.abs(image.astype(int) - Preprocess(input_hw).process(frame_of(picture)).image_rgb).max() <= 1


def test_an_image_of_even_width_is_near_that_of_the_stage(videos):
    """There swscale has one chroma value for two pixels, and rounds down on the way, by two levels."""
    picture = first_picture(videos / "highway.mp4")
    stage = Preprocess((360, 480)).process(frame_of(picture)).image_rgb
    difference = image_of(picture, (360, 480), layout="yuv420p").astype(int) - stage
    assert abs(difference.mean()) < 3
    assert (np.abs(difference) <= 4).mean() > 0.97


@pytest.mark.parametrize("input_hw", [(60, 81), (33, 40), (300, 403)])
def test_an_image_from_bgr(videos, input_hw):
    picture = first_picture(videos / "highway.mp4")
    bgr = picture.to_ndarray(format="bgr24", src_colorspace=matrix_of(picture).swscale)[:251, :333]
    with Bench() as bench:
        given = bench.put(np.pad(bgr, ((0, 0), (0, 1), (0, 0))))
        out = bench.put(np.zeros((*input_hw, 3), np.uint8))
        bench.kernels.image_from_bgr(given.address, 3 * 334, (333, 251), out.address, input_hw, bench.stream)
        image = bench.get(out)
    height, width = input_hw
    rows, columns = weights(height, 251), weights(width, 333)
    exact = np.einsum("hy,yxc,wx->hwc", rows, bgr[..., ::-1].astype(float), columns, optimize=True)
    assert np.abs(image - exact).max() < 0.505

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pytest

from rtseg.picture import packed_view, plane_view
from rtseg.sources.file import VideoFile
from rtseg.stages.preprocess import Preprocess
from tests.stages.pictures import flat_picture, frame_of, yuv_picture

if TYPE_CHECKING:
    from pathlib import Path

COLOURS = [(200, 30, 60), (20, 180, 90), (128, 64, 128), (60, 40, 222), (250, 250, 250)]


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj420p", "yuv422p", "yuv444p"])
@pytest.mark.parametrize("colorspace", [1, 2, 6, 9])
@pytest.mark.parametrize("color_range", [0, 1, 2])
def test_colours_come_out_as_they_went_in(pixel_format: str, colorspace: int, color_range: int):
    tags = {"pixel_format": pixel_format, "colorspace": colorspace, "color_range": color_range}
    with Preprocess((37, 53)) as stage:
        for colour in COLOURS:
            image = stage.process(frame_of(flat_picture((201, 101), colour, **tags))).image_rgb
            assert np.abs(image.astype(int) - colour).max() <= 3


def test_untagged_colours_follow_the_size():
    red = (200, 30, 60)
    for size in ((640, 360), (1280, 720)):
        picture = flat_picture(size, red, pixel_format="yuv420p", colorspace=2, color_range=0)
        image = Preprocess((36, 64)).process(frame_of(picture)).image_rgb
        assert np.abs(image.astype(int) - red).max() <= 3


@pytest.mark.parametrize("size", [(201, 101), (640, 360), (17, 33)])
@pytest.mark.parametrize("input_hw", [(360, 480), (37, 53)])
def test_shape_and_layout(size: tuple[int, int], input_hw: tuple[int, int]):
    image = Preprocess(input_hw).process(frame_of(yuv_picture(size))).image_rgb
    assert (image.shape, image.dtype) == ((*input_hw, 3), np.uint8)
    assert image.flags.c_contiguous


@pytest.mark.parametrize(
    "pixel_format", ["yuv420p10le", "yuv422p10le", "yuv444p10le", "gbrp", "nv12", "bgr24"]
)
def test_other_formats(pixel_format: str):
    source = av.VideoFrame(200, 100, "rgb24")
    packed_view(source)[:] = (200, 30, 60)
    colorspace = None if pixel_format in {"gbrp", "bgr24"} else 1
    picture = source.reformat(format=pixel_format, dst_colorspace=colorspace, threads=1)
    image = Preprocess((37, 53)).process(frame_of(picture)).image_rgb
    assert np.abs(image.astype(int) - (200, 30, 60)).max() <= 3


def test_grey(videos: Path):
    with VideoFile(videos / "highway.mp4") as source:
        picture = next(iter(source)).picture
    grey = picture.reformat(format="gray", threads=1)
    image = Preprocess((360, 480)).process(frame_of(grey)).image_rgb
    assert np.array_equal(image[..., 0], image[..., 1])
    assert image.std() > 20


def test_a_real_frame_against_opencv(videos: Path):
    with VideoFile(videos / "highway.mp4") as source:
        frame = next(iter(source))
    before = [plane_view(frame.picture, index).copy() for index in range(3)]
    image = Preprocess((360, 480)).process(frame).image_rgb
    rgb = frame.picture.to_ndarray(format="rgb24", src_colorspace="itu601", threads=1)
    assert np.abs(image.astype(int) - cv2.resize(rgb, (480, 360), interpolation=cv2.INTER_AREA)).mean() < 2
    assert all(np.array_equal(plane_view(frame.picture, index), before[index]) for index in range(3))


def test_frames_do_not_share_memory():
    stage = Preprocess((36, 48))
    first = stage.process(frame_of(yuv_picture((96, 72), seed=1))).image_rgb
    kept = first.copy()
    stage.process(frame_of(yuv_picture((96, 72), seed=2)))
    assert np.array_equal(first, kept)

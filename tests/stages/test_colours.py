from __future__ import annotations

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange

from rtseg.stages.colours import Matrix, matrix_of, range_of, yuv_from_rgb

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


@pytest.mark.parametrize(
    ("matrix", "colour_range", "colour", "yuv"),
    [
        # The 8-bit levels of the standards' colour bars, at full strength.
        (Matrix.BT601, ColorRange.MPEG, RED, (81, 90, 240)),
        (Matrix.BT601, ColorRange.MPEG, GREEN, (145, 54, 34)),
        (Matrix.BT601, ColorRange.MPEG, WHITE, (235, 128, 128)),
        (Matrix.BT709, ColorRange.MPEG, RED, (63, 102, 240)),
        (Matrix.BT709, ColorRange.MPEG, BLUE, (32, 240, 118)),
        (Matrix.BT2020, ColorRange.MPEG, RED, (74, 97, 240)),
        (Matrix.BT601, ColorRange.JPEG, RED, (76, 85, 255)),
        (Matrix.BT601, ColorRange.JPEG, WHITE, (255, 128, 128)),
    ],
)
def test_known_colours(matrix: Matrix, colour_range: ColorRange, colour: tuple, yuv: tuple):
    assert yuv_from_rgb([colour], matrix, colour_range)[0] == pytest.approx(yuv, abs=0.6)


@pytest.mark.parametrize(
    ("tag", "size", "matrix"),
    [
        (1, (64, 48), Matrix.BT709),
        (5, (1920, 1080), Matrix.BT601),
        (6, (1920, 1080), Matrix.BT601),
        (9, (64, 48), Matrix.BT2020),
        (2, (720, 576), Matrix.BT601),
        (2, (1280, 720), Matrix.BT709),
        (2, (480, 854), Matrix.BT709),
        (3, (64, 48), Matrix.BT601),  # a reserved number counts as no tag
    ],
)
def test_matrix_by_tag_else_by_size(tag: int, size: tuple[int, int], matrix: Matrix):
    picture = av.VideoFrame(*size, "yuv420p")
    picture.colorspace = tag
    assert matrix_of(picture) is matrix


def test_range_by_tag_or_format():
    ranges = []
    for pixel_format, tag in (("yuv420p", 0), ("yuv420p", 1), ("yuv420p", 2), ("yuvj420p", 0)):
        picture = av.VideoFrame(8, 8, pixel_format)
        picture.color_range = tag
        ranges.append(range_of(picture))
    assert ranges == [ColorRange.MPEG, ColorRange.MPEG, ColorRange.JPEG, ColorRange.JPEG]


def test_swscale_takes_every_matrix():
    picture = av.VideoFrame(16, 16, "yuv420p")
    for matrix in Matrix:
        assert np.asarray(picture.to_ndarray(format="rgb24", src_colorspace=matrix.swscale)).shape == (
            16,
            16,
            3,
        )

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from rtseg.classes import CAMVID
from rtseg.errors import InputError
from rtseg.picture import packed_view, plane_view
from rtseg.stages.colorize import Colorize
from rtseg.stages.colours import matrix_of, range_of, yuv_from_rgb
from rtseg.stages.enlarge import Rounder
from rtseg.stages.look import size_shown
from tests.stages.pictures import flat_picture, labelled, yuv_picture

ROAD, CAR = CAMVID.names.index("road"), CAMVID.names.index("car")


def blobs(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Labels with all classes, in blocks."""
    coarse = np.random.default_rng(seed).integers(0, len(CAMVID), (height // 6, width // 6), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)


def planes(picture: av.VideoFrame) -> list[np.ndarray]:
    return [plane_view(picture, index).copy() for index in range(3)]


def refined(levels: np.ndarray) -> np.ndarray:
    """Doubled, then the median of nine, by sorting."""
    doubled = np.pad(np.kron(levels, np.ones((2, 2), levels.dtype)), 1, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(doubled, (3, 3))
    return np.sort(around.reshape(*around.shape[:2], 9), axis=2)[..., 4].copy()


def drawn(levels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """What is enlarged to a plane of that shape."""
    return refined(levels) if shape[0] * shape[1] >= 9 * levels.size else levels


def reference_blend(
    picture: av.VideoFrame, ids: np.ndarray, opacity: float, painted: set[str]
) -> list[np.ndarray]:
    """The blend in float, nothing rounded on the way."""
    rounded = Rounder().round(ids)
    levels = yuv_from_rgb(CAMVID.palette_rgb, matrix_of(picture), range_of(picture)).astype(np.float32)
    alpha = np.array([opacity if name in painted else 0 for name in CAMVID.names], np.float32)
    out = []
    for index, plane in enumerate(planes(picture)):
        add, keep = (
            cv2.resize(drawn(table[rounded], plane.shape), plane.shape[::-1])
            for table in (alpha * levels[:, index], 1 - alpha)
        )
        out.append(plane * keep + add)
    return out


@pytest.mark.parametrize("size", [(320, 180), (201, 101), (96, 72), (200, 333), (640, 480)])
@pytest.mark.parametrize("opacity", [0, 0.3, 0.5, 1])
def test_blend_is_the_float_reference_within_a_level(size: tuple[int, int], opacity: float):
    picture, ids = yuv_picture(size), blobs(72, 96)
    result = planes(Colorize(CAMVID, opacity=opacity).process(labelled(picture, ids)).picture)
    for plane, reference in zip(
        result, reference_blend(picture, ids, opacity, set(CAMVID.names)), strict=True
    ):
        assert np.abs(plane - np.rint(reference)).max() <= 1


def test_only_some_classes():
    picture, ids = yuv_picture((320, 180)), blobs(72, 96)
    stage = Colorize(CAMVID, only=frozenset({"road", "car"}))
    result = planes(stage.process(labelled(picture, ids)).picture)
    for plane, reference in zip(result, reference_blend(picture, ids, 0.5, {"road", "car"}), strict=True):
        assert np.abs(plane - reference).max() <= 2
    untouched = cv2.dilate(np.isin(Rounder().round(ids), (ROAD, CAR)).astype(np.uint8), np.ones((9, 9))) == 0
    far = cv2.resize(untouched.astype(np.uint8), (320, 180), interpolation=cv2.INTER_NEAREST) > 0
    assert far.mean() > 0.1
    assert np.array_equal(result[0][far], planes(picture)[0][far])


@pytest.mark.parametrize(
    ("pixel_format", "colorspace", "color_range"),
    [
        ("yuv420p", 1, 1),
        ("yuv420p", 6, 1),
        ("yuv420p", 9, 1),
        ("yuv420p", 1, 2),
        ("yuv420p", 2, 0),
        ("yuvj420p", 6, 2),
        ("yuv444p", 1, 1),
        ("yuv444p", 6, 2),
    ],
)
def test_colours_a_person_sees(pixel_format: str, colorspace: int, color_range: int):
    grey = (90, 110, 130)
    tags = {"pixel_format": pixel_format, "colorspace": colorspace, "color_range": color_range}
    picture = flat_picture((64, 48), grey, **tags)
    stage = Colorize(CAMVID)
    for class_id, colour in enumerate(CAMVID.palette_rgb):
        painted = stage.process(labelled(picture, np.full((24, 32), class_id, np.uint8))).picture
        assert (painted.colorspace, painted.color_range) == (colorspace, color_range)
        assert painted.format.name == "yuv420p"
        rgb = painted.to_ndarray(format="rgb24", src_colorspace=matrix_of(painted).swscale, threads=1)
        assert np.abs(rgb.astype(int) - (np.add(grey, colour) / 2)).max() <= 3


@pytest.mark.parametrize("pixel_format", ["rgb24", "gbrp", "gray", "yuv420p10le", "nv12"])
def test_other_formats_keep_their_look(pixel_format: str):
    source = av.VideoFrame(64, 48, "rgb24")
    packed_view(source)[:] = (120, 120, 120)
    picture = source.reformat(format=pixel_format, threads=1)
    painted = Colorize(CAMVID, opacity=0).process(labelled(picture, blobs(24, 36))).picture
    rgb = painted.to_ndarray(format="rgb24", src_colorspace=matrix_of(painted).swscale, threads=1)
    assert np.abs(rgb.astype(int) - 120).max() <= 3


def test_the_decoded_picture_is_not_written_to_and_results_are_apart():
    picture, stage = yuv_picture((96, 72)), Colorize(CAMVID, legend=True)
    before = planes(picture)
    first = stage.process(labelled(picture, blobs(36, 48, 1))).picture
    kept = planes(first)
    stage.process(labelled(picture, blobs(36, 48, 2)))
    assert all(map(np.array_equal, planes(picture), before))
    assert all(map(np.array_equal, planes(first), kept))
    assert (first.pts, first.time_base) == (picture.pts, picture.time_base)
    assert (first.width, first.height) == (96, 72)


def test_a_mask_hides_the_picture():
    ids = blobs(24, 36)
    stage = Colorize(CAMVID, view="mask", only=frozenset({"road"}))
    one, other = (planes(stage.process(labelled(yuv_picture((64, 48), seed=s), ids)).picture) for s in (1, 2))
    assert all(map(np.array_equal, one, other))
    assert one[0].min() == 16  # what is not road is black


def test_rounding_keeps_thin_things_and_invents_no_class():
    ids = np.full((40, 40), ROAD, np.uint8)
    ids[:, 20:22] = CAR  # a pole of two label pixels
    rounder = Rounder()
    assert np.array_equal(rounder.round(ids), ids)
    assert np.array_equal(rounder.refine(ids), np.kron(ids, np.ones((2, 2), np.uint8)))
    noisy = blobs(72, 96)
    rounded = rounder.round(noisy)
    assert set(np.unique(rounded)) <= set(np.unique(noisy))
    assert np.array_equal(rounder.refine(rounded), refined(rounded))


def test_edges_have_no_steps():
    yy, xx = np.mgrid[:90, :120]
    ids = np.where(yy > 20 + xx // 2, ROAD, CAR).astype(np.uint8)  # a slope, in steps of two pixels
    ids = cv2.resize(ids[::2, ::2], (120, 90), interpolation=cv2.INTER_NEAREST)
    picture = Colorize(CAMVID, view="mask").process(labelled(yuv_picture((480, 360)), ids)).picture
    mask = planes(picture)[0].astype(float)
    share = (mask.max() - mask) / (mask.max() - mask.min())
    edge = share.sum(axis=0)[60:400]  # its height in each column, parts of a pixel included
    line = np.polyval(np.polyfit(np.arange(len(edge)), edge, 1), np.arange(len(edge)))
    assert np.abs(edge - line).max() < 1  # 0.25; only enlarged it is 2.8


@pytest.mark.parametrize("size", [(96, 72), (95, 71)])
def test_side_by_side_are_the_picture_and_the_overlay(size: tuple[int, int]):
    given = labelled(yuv_picture(size), blobs(36, 48))
    options = {"opacity": 0.5, "legend": True, "mark_stale": True}
    both = Colorize(CAMVID, view="side-by-side", **options).process(given).picture
    overlay = Colorize(CAMVID, **options).process(given).picture
    assert (both.width, both.height) == size_shown("side-by-side", *size) == (192, size[1])
    assert (both.pts, both.time_base, both.colorspace) == (overlay.pts, overlay.time_base, overlay.colorspace)
    for seen, left, right in zip(planes(both), planes(given.frame.picture), planes(overlay), strict=True):
        height, width = left.shape
        middle = seen.shape[1] // 2
        assert np.array_equal(seen[:height, :width], left)
        assert np.array_equal(seen[:height, middle : middle + width], right)
        assert np.array_equal(seen[:, -1], right[:, -1])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"opacity": 1.5}, "opacity 1.5 is out of range"),
        ({"only": frozenset({"road", "rode"})}, "no class is called rode"),
        ({"view": "sideways"}, "no view called sideways"),
    ],
)
def test_bad_options(options: dict, words: str):
    with pytest.raises(InputError, match=words):
        Colorize(CAMVID, **options)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuvj444p"])
def test_what_is_painted_lasts_as_long_and_is_tagged_alike(pixel_format: str):
    """5 and 6 are one matrix under two names; converting must not change the name."""
    picture = yuv_picture((96, 72), pixel_format=pixel_format, colorspace=5, color_range=2)
    picture.duration = 17
    painted = Colorize(CAMVID).process(labelled(picture, blobs(72, 96))).picture
    assert (painted.colorspace, painted.color_range, painted.duration) == (5, 2, 17)

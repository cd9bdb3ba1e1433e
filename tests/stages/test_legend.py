from __future__ import annotations

import numpy as np
import pytest

from rtseg.classes import CAMVID
from rtseg.stages.colorize import Colorize
from rtseg.stages.colours import matrix_of
from tests.stages.pictures import labelled, yuv_picture

IDS = np.zeros((36, 48), np.uint8)


def with_and_without(
    size: tuple[int, int], only: frozenset[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    picture = yuv_picture(size)
    both = [
        Colorize(CAMVID, legend=legend, only=only).process(labelled(picture, IDS)).picture
        for legend in (True, False)
    ]
    first, second = (
        p.to_ndarray(format="rgb24", src_colorspace=matrix_of(p).swscale, threads=1) for p in both
    )
    return first, second


@pytest.mark.parametrize("size", [(480, 360), (960, 540), (1280, 720), (1376, 1840), (486, 362)])
def test_all_colours_are_shown_in_the_corner(size: tuple[int, int]):
    shown, plain = with_and_without(size)
    changed = np.argwhere((shown != plain).any(axis=2))
    (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
    assert 0 < top < size[1] / 10
    assert 0 < left < size[0] / 10
    assert right < size[0] / 3
    assert bottom < size[1] * 0.6
    panel = shown[top : bottom + 1, left : right + 1].reshape(-1, 3).astype(int)
    for colour in CAMVID.palette_rgb:
        assert (np.abs(panel - colour).max(axis=1) <= 4).sum() > 20
    assert (panel.min(axis=1) > 200).any()  # white text


def test_only_painted_classes_are_listed():
    shown, plain = with_and_without((480, 360), frozenset({"road"}))
    everything, _ = with_and_without((480, 360))
    rows = np.argwhere((shown != plain).any(axis=2))[:, 0]
    assert rows.max() - rows.min() < 40 < np.argwhere((everything != plain).any(axis=2))[:, 0].max()


def test_tiny_pictures_have_none():
    shown, plain = with_and_without((96, 72))
    assert np.array_equal(shown, plain)

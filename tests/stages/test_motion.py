from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from rtseg.classes import CAMVID
from rtseg.picture import packed_view, plane_view
from rtseg.sources.synthetic import SyntheticDrive
from rtseg.stages.motion import Motion
from rtseg.training.confusion import ConfusionMatrix


def texture(seed: int = 0, size: tuple[int, int] = (800, 600)) -> np.ndarray:
    """Grey, (H, W), with detail at every scale down to a few pixels."""
    width, height = size
    rng = np.random.default_rng(seed)
    image = np.zeros((height, width), np.float32)
    for cell in (4, 8, 16, 32, 64):
        coarse = rng.normal(size=(height // cell, width // cell)).astype(np.float32)
        image += cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC) * cell**0.5
    return cv2.normalize(image, None, 16, 235, cv2.NORM_MINMAX).astype(np.uint8)


def window(image: np.ndarray, x: int, y: int, size: tuple[int, int], pixel_format: str) -> av.VideoFrame:
    """What is seen of the image from (x, y) on."""
    width, height = size
    cut = np.ascontiguousarray(image[y : y + height, x : x + width])
    if pixel_format == "gray":
        picture = av.VideoFrame(width, height, "gray")
        plane_view(picture, 0)[:] = cut
        return picture
    picture = av.VideoFrame(width, height, "rgb24")
    packed_view(picture)[:] = cut[..., None]
    return picture if pixel_format == "rgb24" else picture.reformat(format=pixel_format, threads=1)


def blobs(size: tuple[int, int] = (800, 600)) -> np.ndarray:
    coarse = np.random.default_rng(9).integers(0, 11, (size[1] // 60, size[0] // 60), np.uint8)
    return cv2.resize(coarse, size, interpolation=cv2.INTER_NEAREST)


def at(ids: np.ndarray, x: int, y: int, size: tuple[int, int]) -> np.ndarray:
    return np.ascontiguousarray(ids[y : y + size[1], x : x + size[0]])


@pytest.mark.parametrize(
    "pixel_format", ["yuv420p", "yuvj422p", "nv12", "gray", "rgb24", "yuv420p10le", "yuyv422"]
)
def test_labels_move_as_the_picture_does(pixel_format: str):
    size, (dx, dy), steps = (480, 360), (9, -6), 3
    image, ids, motion = texture(), blobs(), Motion()
    for step in range(steps + 1):
        motion.add(step, window(image, 100 + dx * step, 100 + dy * step, size, pixel_format))
    first = at(ids, 100, 100, size)
    moved = motion.moved(first, 0, steps)
    truth = at(ids, 100 + dx * steps, 100 + dy * steps, size)
    assert moved is not None
    assert (moved.shape, moved.dtype) == (first.shape, np.uint8)
    inside = (slice(40, -40), slice(40, -40))
    assert (first == truth)[inside].mean() < 0.75
    assert (moved == truth)[inside].mean() > 0.96
    # What came in from the right: the nearest that was known.
    assert (moved[:, -1] == at(ids, 100 + size[0] - 1, 100 + dy * steps, (1, size[1]))[:, 0]).mean() > 0.9


def test_labels_follow_a_thing_that_moves_over_a_still_background():
    background, thing, motion = texture(1), texture(2), Motion()
    side, step, steps = 140, 16, 8
    for index in range(steps + 1):
        image, left = background.copy(), 60 + step * index
        image[110 : 110 + side, left : left + side] = thing[:side, :side]
        motion.add(index, window(image, 0, 0, (480, 360), "gray"))
    first, truth = np.zeros((360, 480), np.uint8), np.zeros((360, 480), np.uint8)
    first[110 : 110 + side, 60 : 60 + side] = 8
    truth[110 : 110 + side, 60 + step * steps : 60 + step * steps + side] = 8
    moved = motion.moved(first, 0, steps)
    assert moved is not None
    is_thing = truth == 8
    assert (first[is_thing] == 8).mean() < 0.15
    assert (moved[is_thing] == 8).mean() > 0.85
    # It leaves a trail where background comes to light, whose labels nobody knows; ahead of it there is none.
    assert (moved[:, 60 + step * steps + side + 10 :] == 8).sum() == 0


def test_labels_of_another_size_than_the_picture():
    image, ids, motion, size = texture(), blobs(), Motion(), (301, 233)
    for step in range(3):
        motion.add(step, window(image, 50 + 8 * step, 60, size, "yuv420p"))
    small = cv2.resize(at(ids, 50, 60, size), (151, 117), interpolation=cv2.INTER_NEAREST)
    truth = cv2.resize(at(ids, 66, 60, size), (151, 117), interpolation=cv2.INTER_NEAREST)
    moved = motion.moved(small, 0, 2)
    assert moved is not None
    assert (moved == truth)[:, :-12].mean() > 0.95


def test_on_the_drive_moved_labels_beat_held_ones():
    drive = SyntheticDrive(480, 360, Fraction(15), seconds=Fraction(2), seed=3)
    motion, truths = Motion(), []
    for index in range(16):
        image_rgb, ids = drive.render(index)
        motion.add(index, drive.frame_from_rgb(image_rgb, index).picture)
        truths.append(ids)
    for age in (1, 3):
        held, moved = ConfusionMatrix(CAMVID), ConfusionMatrix(CAMVID)
        for index in range(age, 16):
            before, truth = truths[index - age], truths[index]
            known = before < len(CAMVID)
            ids = motion.moved(np.where(known, before, np.uint8(0)), index - age, index)
            assert ids is not None
            held.add(truth, np.where(known, before, np.uint8(0)))
            moved.add(truth, ids)
        assert moved.miou() > held.miou() + 0.04
        assert moved.pixel_accuracy() > held.pixel_accuracy() + 0.01


def test_the_answer_is_the_same_however_it_was_asked_for():
    image, ids = texture(), at(blobs(), 0, 0, (320, 240))
    step_by_step, at_once = Motion(), Motion()
    for step in range(6):
        for motion in (step_by_step, at_once):
            motion.add(2 * step, window(image, 40 + 7 * step, 50 + step, (320, 240), "yuv420p"))
        if step:
            moved = step_by_step.moved(ids, 0, 2 * step)
    assert np.array_equal(moved, at_once.moved(ids, 0, 10))
    before = ids.copy()
    assert np.array_equal(step_by_step.moved(ids, 4, 10), at_once.moved(ids, 4, 10))
    assert np.array_equal(step_by_step.moved(ids, 4, 6), at_once.moved(ids, 4, 6))
    assert np.array_equal(ids, before)


def test_where_a_link_is_missing_there_is_no_answer():
    image, ids, size = texture(), np.zeros((90, 120), np.uint8), (320, 240)
    motion = Motion(memory=4)
    assert motion.moved(ids, 0, 1) is None
    for index in (3, 4, 6, 7):
        motion.add(index, window(image, 30 + 4 * index, 40, size, "yuv420p"))
    assert motion.moved(ids, 3, 7) is not None
    assert motion.moved(ids, 2, 7) is None  # before all
    assert motion.moved(ids, 5, 7) is None  # never added
    assert motion.moved(ids, 7, 8) is None  # not yet
    assert motion.moved(ids, 7, 6) is None  # back in time
    for index in (8, 9):
        motion.add(index, window(image, 30 + 4 * index, 40, size, "yuv420p"))
    assert motion.moved(ids, 4, 9) is not None  # four steps: all there is
    assert motion.moved(ids, 3, 9) is None
    motion.add(10, window(image, 60, 40, (240, 320), "yuv420p"))
    motion.add(11, window(image, 64, 40, (240, 320), "yuv420p"))
    assert motion.moved(ids, 9, 11) is None  # another size between
    assert motion.moved(ids, 10, 11) is not None
    motion.add(5, window(image, 68, 40, (240, 320), "yuv420p"))  # counting begins anew
    assert motion.moved(ids, 10, 11) is None


def test_a_cut_is_no_movement_but_a_change_of_light_is():
    one, other, ids, size = texture(1), texture(2), np.zeros((90, 120), np.uint8), (320, 240)
    motion = Motion()
    motion.add(0, window(one, 50, 50, size, "gray"))
    motion.add(1, window(other, 50, 50, size, "gray"))
    motion.add(2, window((other * 0.8).astype(np.uint8), 56, 50, size, "gray"))
    assert motion.moved(ids, 0, 1) is None
    assert motion.moved(ids, 0, 2) is None
    assert motion.moved(ids, 1, 2) is not None


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (11, 300), (5000, 20)])
def test_hardly_a_picture(size: tuple[int, int]):
    motion, picture = Motion(), av.VideoFrame(*size, "gray")
    plane_view(picture, 0)[:] = 90
    motion.add(0, picture)
    motion.add(1, picture)
    assert motion.moved(np.zeros((6, 8), np.uint8), 0, 1) is None


def test_real_clips_have_no_cuts_and_two_of_them_have_one(videos):
    ids = np.zeros((90, 120), np.uint8)
    motion, index = Motion(memory=100), 0
    for name in ("london.mp4", "highway.mp4"):
        with av.open(str(videos / name)) as film:
            for _, picture in zip(range(15), film.decode(video=0), strict=False):
                motion.add(index, picture.reformat(640, 360, "yuv420p"))
                index += 1
    assert motion.moved(ids, 0, 14) is not None
    assert motion.moved(ids, 15, 29) is not None
    assert motion.moved(ids, 14, 15) is None

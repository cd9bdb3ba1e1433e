"""Data folders: what is read, and what is refused."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from rtseg.classes import CAMVID
from rtseg.errors import DataError
from rtseg.training.data import LabelledFolder


@pytest.fixture
def folder(tmp_path):
    """Two pairs of 8×6 pixels."""
    for name in ("one", "two"):
        write(tmp_path / "train" / f"{name}.png", np.full((6, 8, 3), (10, 20, 30), np.uint8))
        write(tmp_path / "trainannot" / f"{name}.png", np.full((6, 8), 3, np.uint8))
    return tmp_path


def write(path, image):
    path.parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(path), image)


def test_camvid_is_read_whole(camvid):
    train, val = (LabelledFolder(camvid, split, CAMVID) for split in ("train", "val"))
    assert (len(train), len(val)) == (367, 101)
    image, labels = val.read(0)
    assert image.shape == (360, 480, 3)
    assert labels.shape == (360, 480)
    assert set(np.unique(labels)) <= set(range(12))


def test_every_nth_pair_is_taken(camvid):
    assert len(LabelledFolder(camvid, "val", CAMVID, every=5)) == 21


def test_images_are_rgb(folder):
    image, _ = LabelledFolder(folder, "train", CAMVID).read(0)
    assert image[0, 0].tolist() == [30, 20, 10]


def test_the_hash_follows_the_labels(folder):
    before = LabelledFolder(folder, "train", CAMVID).sha256()
    write(folder / "trainannot" / "two.png", np.full((6, 8), 4, np.uint8))
    assert LabelledFolder(folder, "train", CAMVID).sha256() != before


def test_a_missing_label_is_named(folder):
    (folder / "trainannot" / "two.png").unlink()
    with pytest.raises(DataError, match=r"trainannot/two\.png: this label image is missing"):
        LabelledFolder(folder, "train", CAMVID)


def test_a_missing_split_is_named(folder):
    with pytest.raises(DataError, match="val: there is no such folder"):
        LabelledFolder(folder, "val", CAMVID)


def test_an_empty_split_is_refused(folder):
    for path in (folder / "train").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="no PNG image"):
        LabelledFolder(folder, "train", CAMVID)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.full((6, 7), 3, np.uint8), "is 7×6, but its image is 8×6"),
        (np.full((6, 8), 12, np.uint8), "id 12 is beyond the classes"),
        (np.full((6, 8, 3), 3, np.uint8), "8-bit grey"),
        (np.full((6, 8), 3, np.uint16), "8-bit grey"),
    ],
)
def test_a_wrong_label_image_is_refused(folder, labels, message):
    write(folder / "trainannot" / "one.png", labels)
    with pytest.raises(DataError, match=message):
        LabelledFolder(folder, "train", CAMVID).read(0)


def test_a_file_that_is_no_image_is_refused(folder):
    (folder / "train" / "one.png").write_text("not an image")
    with pytest.raises(DataError, match="not an image that can be read"):
        LabelledFolder(folder, "train", CAMVID).read(0)

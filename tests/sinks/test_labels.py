"""Label maps: every id comes back, at the frame's size and time."""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from rtseg.classes import CAMVID
from rtseg.errors import OutputError
from rtseg.frame import Frame, LabelMap, Painted
from rtseg.picture import plane_view
from rtseg.sinks.labels import LabelImages, LabelVideo, check_labels_output
from rtseg.training.data import LabelledFolder
from tests.sinks.test_video import Facts


def painted(ids, facts, index, pts, name=None):
    picture = av.VideoFrame(facts.width, facts.height, "yuv420p")
    return Painted(Frame(index, pts, facts.time_base, 0, picture, name), LabelMap(ids), picture)


def read_back(path):
    """Ids and times of a label video."""
    with av.open(str(path)) as film:
        return [
            (plane_view(picture, 0).copy(), float(picture.pts * picture.time_base), picture.format.name)
            for picture in film.decode(video=0)
        ]


@pytest.fixture
def maps(camvid):
    folder = LabelledFolder(camvid, "val", CAMVID, every=20)
    return [folder.read(index)[1] for index in range(len(folder))]


def test_ids_come_back_bit_for_bit_at_irregular_times(maps, tmp_path):
    facts = Facts(480, 360, time_base=Fraction(1, 1000))
    times = [0, 33, 40, 90, 91, 1500][: len(maps)]
    with LabelVideo(tmp_path / "l.mkv", facts) as sink:
        for index, (ids, pts) in enumerate(zip(maps, times, strict=True)):
            sink.write(painted(ids, facts, index, pts))
    back = read_back(tmp_path / "l.mkv")
    assert all(np.array_equal(ids, given) for (ids, _, _), given in zip(back, maps, strict=True))
    assert [time for _, time, _ in back] == pytest.approx([pts / 1000 for pts in times], abs=0.001)
    assert {pixel_format for _, _, pixel_format in back} == {"gray"}


@pytest.mark.parametrize("size", [(960, 720), (63, 47), (481, 361)])
def test_maps_have_the_size_of_the_frame(maps, tmp_path, size):
    facts = Facts(*size)
    with LabelVideo(tmp_path / "l.mkv", facts) as sink:
        sink.write(painted(maps[0], facts, 0, 0))
    expected = cv2.resize(maps[0], size, interpolation=cv2.INTER_NEAREST)
    assert np.array_equal(read_back(tmp_path / "l.mkv")[0][0], expected)


def test_images_are_named_after_theirs_or_counted(maps, tmp_path):
    facts = Facts(480, 360)
    with LabelImages(tmp_path / "maps") as sink:
        sink.write(painted(maps[0], facts, 0, 0))
        sink.write(painted(maps[1], facts, 1, 1, "crossing"))
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == ["000000.png", "crossing.png"]
    for name, ids in zip(("000000", "crossing"), maps, strict=False):
        assert np.array_equal(cv2.imread(str(tmp_path / "maps" / f"{name}.png"), cv2.IMREAD_UNCHANGED), ids)


def test_nothing_written_leaves_nothing(tmp_path):
    with LabelImages(tmp_path / "maps"), LabelVideo(tmp_path / "l.mkv", Facts()):
        pass
    assert list(tmp_path.iterdir()) == []


def test_after_an_error_elsewhere_the_maps_so_far_are_there(maps, tmp_path):
    facts = Facts(480, 360)
    sink = LabelVideo(tmp_path / "l.mkv", facts)
    sink.__enter__()
    for index in range(2):
        sink.write(painted(maps[index], facts, index, index))
    sink.__exit__(RuntimeError, RuntimeError("elsewhere"), None)
    assert len(read_back(tmp_path / "l.mkv")) == 2


@pytest.mark.parametrize("name", ["l.mp4", "l.jpg", "no/l.mkv", "no/maps"])
def test_a_place_for_no_maps_is_refused(tmp_path, name):
    with pytest.raises(OutputError):
        check_labels_output(tmp_path / name, "clip.mp4")

"""Label maps: every id comes back, at the frame's size and time."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from rtseg.classes import CAMVID
from rtseg.errors import OutputError
from rtseg.frame import Frame, LabelMap, Painted
from rtseg.picture import plane_view
from rtseg.sinks.labels import LabelImages, LabelVideo, check_labels_output, label_sink
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
    expected = cv2.resize(maps[0], size, interpolation=cv2.INTER_NEAREST_EXACT)
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


def test_every_frame_stands_alone_and_says_full_range(maps, tmp_path):
    facts = Facts(480, 360)
    with LabelVideo(tmp_path / "l.mkv", facts) as sink:
        for index, ids in enumerate(maps):
            sink.write(painted(ids, facts, index, index))
    with av.open(str(tmp_path / "l.mkv")) as film:
        codec = film.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt, codec.color_range) == ("ffv1", "gray", 2)
        packets = [packet for packet in film.demux(video=0) if packet.size]
    assert len(packets) == len(maps) > 1
    assert all(packet.is_keyframe for packet in packets)


def test_ids_come_back_from_the_files_bytes_without_rtseg_or_cv2(maps, tmp_path):
    facts = Facts(480, 360)
    with LabelVideo(tmp_path / "l.mkv", facts) as sink:
        for index, ids in enumerate(maps):
            sink.write(painted(ids, facts, index, index))
    with av.open(str(tmp_path / "l.mkv")) as film:
        back = [picture.to_ndarray() for picture in film.decode(video=0)]
        assert np.array_equal(np.stack(back), np.stack(maps))
        film.seek(0)  # nor does a player that asks for another grey change them
        grey = [picture.to_ndarray(format="gray") for picture in film.decode(video=0)]
    assert np.array_equal(np.stack(grey), np.stack(maps))


def test_a_folder_that_ends_in_mkv_takes_images(maps, tmp_path):
    folder = tmp_path / "maps.mkv"
    folder.mkdir()
    check_labels_output(folder, "clip.mp4")
    facts = Facts(480, 360)
    with label_sink(folder, facts) as sink:
        sink.write(painted(maps[0], facts, 0, 0))
    assert [path.name for path in folder.iterdir()] == ["000000.png"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "maps").write_text("a file")
    with pytest.raises(OutputError, match="not a place for label maps"):
        check_labels_output(tmp_path / "maps", "clip.mp4")


def test_of_a_folder_that_is_there_it_matters_whether_itself_can_be_written_to(tmp_path, monkeypatch):
    folder = tmp_path / "maps"
    folder.mkdir()
    monkeypatch.setattr("os.access", lambda path, _: Path(path) == folder)
    check_labels_output(folder, "clip.mp4")
    monkeypatch.setattr("os.access", lambda path, _: Path(path) != folder)
    with pytest.raises(OutputError, match="cannot be written to"):
        check_labels_output(folder, "clip.mp4")


def test_images_come_one_by_one_and_whole(maps, tmp_path):
    facts = Facts(480, 360)
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "000001.png").write_bytes(b"an older map")
    sink = LabelImages(tmp_path / "maps")
    sink.__enter__()
    sink.write(painted(maps[0], facts, 0, 0))
    sink.__exit__(RuntimeError, RuntimeError("elsewhere"), None)
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == ["000000.png", "000001.png"]
    assert (tmp_path / "maps" / "000001.png").read_bytes() == b"an older map"


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
sys.path[:0] = [sys.argv[2]]
import numpy as np
from rtseg.errors import SinkFault
from rtseg.sinks.labels import label_sink
from tests.sinks.test_labels import Facts, painted
limit = int(sys.argv[3])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with label_sink(Path(sys.argv[1]), Facts()) as sink:
        for index in range(600):
            ids = np.random.default_rng(index).integers(0, 11, (48, 64), np.uint8)
            sink.write(painted(ids, Facts(), index, index))
except SinkFault as fault:
    print(index, fault)
    sys.exit(fault.exit_code)
"""


def run_into_a_full_disk(path, limit_bytes):
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", FULL_DISK, str(path), str(root), str(limit_bytes)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=root, check=False)


def test_a_full_disk_leaves_maps_that_are_right(tmp_path):
    run = run_into_a_full_disk(tmp_path / "l.mkv", 200_000)
    assert (run.returncode, run.stderr) == (3, "")
    assert [left.name for left in tmp_path.iterdir()] == ["l.mkv"]
    back = []
    with av.open(str(tmp_path / "l.mkv")) as film:
        for packet in film.demux(video=0):
            if packet.size and not packet.is_corrupt:
                back += [picture.to_ndarray() for picture in packet.decode()]
    assert len(back) > 80
    for index, ids in enumerate(back[:-1]):  # the last one may be torn
        assert np.array_equal(ids, np.random.default_rng(index).integers(0, 11, (48, 64), np.uint8))


@pytest.mark.parametrize("name", ["l.mkv", "maps"])
def test_a_disk_full_from_the_start_leaves_nothing(tmp_path, name):
    run = run_into_a_full_disk(tmp_path / name, 100)
    assert (run.returncode, run.stderr) == (3, "")
    assert "writing failed (File too large)" in run.stdout
    assert list(tmp_path.iterdir()) == []

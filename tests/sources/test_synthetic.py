"""The synthetic drive: pinned pixels, labels that fit, a number that survives, input that is checked."""

from __future__ import annotations

import hashlib
import threading
import time
from fractions import Fraction
from itertools import pairwise

import av
import cv2
import numpy as np
import pytest

from rtseg.classes import CAMVID
from rtseg.errors import InputError, OutputError, SinkFault
from rtseg.sources import open_source
from rtseg.sources.drive import number_from_strip, picture_from_rgb, render
from rtseg.sources.drive.ground import ground_levels
from rtseg.sources.drive.path import travelled_at
from rtseg.sources.drive_files import write_drive
from rtseg.sources.synthetic import SyntheticDrive

FPS = Fraction(25)

# Made by `python -m tests.sources.test_synthetic`; look at the frames before taking new ones over.
GOLDEN = {
    (160, 120, 0, 0): "a2e3ccd40af660ffd970d61d",
    (160, 120, 0, 93): "e3454ecedf10c893e285ace6",
    (160, 120, 7, 0): "a2b3bcaeec93396b5e3db167",
    (160, 120, 7, 93): "754ede9b491ff533f0f70c6b",
    (321, 243, 0, 0): "d00ae6a745fa79200a2655dd",
    (321, 243, 0, 93): "cfa8efc05eee668dd3d498e2",
    (321, 243, 7, 0): "656d2dec983fb2f62a139148",
    (321, 243, 7, 93): "2fc42c1f738adc7a7f41b292",
}


def digest(width: int, height: int, seed: int, index: int) -> str:
    image, labels = render(width, height, FPS, seed, index)
    return hashlib.sha256(image.tobytes() + labels.tobytes()).hexdigest()[:24]


@pytest.mark.parametrize("case", GOLDEN, ids=str)
def test_pixels_are_pinned(case):
    assert digest(*case) == GOLDEN[case]


def test_a_frame_depends_on_its_numbers_only():
    alone = render(160, 120, FPS, 3, 40)
    render(160, 120, FPS, 3, 39)
    render(200, 120, FPS, 4, 40)
    after_others = render(160, 120, FPS, 3, 40)
    np.testing.assert_array_equal(alone[0], after_others[0])
    np.testing.assert_array_equal(alone[1], after_others[1])


def test_threads_render_the_same_pixels():
    wanted = [render(160, 120, FPS, 3, index)[0] for index in range(4)]
    got = {}
    threads = [
        threading.Thread(target=lambda i=i: got.setdefault(i, render(160, 120, FPS, 3, i)[0]))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for index in range(4):
        np.testing.assert_array_equal(got[index], wanted[index])


def test_the_rate_changes_when_not_what_is_seen():
    slow, fast = render(160, 120, Fraction(5), 1, 3), render(160, 120, Fraction(10), 1, 6)
    np.testing.assert_array_equal(slow[1], fast[1])


def test_seeds_give_other_streets():
    labels = [render(160, 120, FPS, seed, 0)[1] for seed in range(4)]
    for one, other in pairwise(labels):
        assert (one != other).mean() > 0.1


@pytest.mark.parametrize("seed", [0, 1, 2, 11, 12345678901234567])
def test_every_class_is_seen_within_ten_seconds_in_sane_shares(seed):
    seconds = range(10)
    counts = sum(
        np.bincount(render(320, 240, Fraction(1), seed, second)[1].ravel(), minlength=12)
        for second in seconds
    )
    assert len(counts) == 12
    share = dict(zip((*CAMVID.names, "void"), counts / counts.sum(), strict=True))
    assert min(share.values()) > 0.0005, share
    assert 0.2 < share["road"] < 0.45
    assert 0.1 < share["building"] < 0.45
    assert 0.08 < share["sky"] < 0.35
    assert share["void"] < 0.05


@pytest.mark.parametrize("size", [(480, 360), (321, 243), (64, 48)], ids=str)
def test_void_is_the_strip_and_nothing_else(size):
    image, labels = render(*size, FPS, 5, 77)
    assert image.shape == (size[1], size[0], 3)
    assert labels.shape == (size[1], size[0])
    assert image.dtype == labels.dtype == np.uint8
    rows, columns = np.nonzero(labels == CAMVID.void_id)
    top = rows.min()
    assert (labels[top:, : columns.max() + 1] == CAMVID.void_id).mean() > 0.9
    assert number_from_strip(image) == 77


def test_labels_lie_on_what_they_name():
    image, labels = render(480, 360, FPS, 0, 20)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(int)
    step = np.abs(np.diff(grey, axis=1))[:340]
    edge = np.diff(labels.astype(int), axis=1)[:340] != 0
    assert step[edge].mean() > 4 * step[~edge].mean()
    sky = image[labels == CAMVID.names.index("sky")].mean(axis=0)
    road = image[labels == CAMVID.names.index("road")].astype(int)
    assert sky[2] > sky[0]
    assert np.abs(road.max(axis=1) - road.min(axis=1)).mean() < 40


def test_the_ground_texture_covers_road_pavement_and_verge_only():
    labels = ground_levels(0)[0].view(np.uint8).reshape(1024, -1, 4)[..., 3]
    names = {CAMVID.names[i] for i in np.unique(labels)}
    assert names == {"road", "pavement", "tree"}


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_the_car_drives_at_a_steady_town_speed(seed):
    metres = np.array([travelled_at(seed, i / 10) for i in range(600)])
    speed = np.diff(metres) * 10
    assert speed.min() > 7.5
    assert speed.max() < 12.5
    assert np.abs(np.diff(speed)).max() < 0.3


def test_neighbouring_frames_differ_little_and_far_ones_a_lot():
    labels = [render(320, 240, FPS, 1, index)[1] for index in (50, 51, 52, 100)]
    for one, other in pairwise(labels[:3]):
        assert 0.0 < (one != other).mean() < 0.05
    assert (labels[0] != labels[3]).mean() > 0.1


# The frame's number


@pytest.mark.parametrize("size", [(320, 240), (480, 360), (1280, 720)], ids=str)
def test_number_survives_h264(size, tmp_path):
    width, height = size
    numbers = [0, 1, 5, 0x5A5A5A, (1 << 24) - 1]
    path = tmp_path / "drive.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "30", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for at, number in enumerate(numbers):
            picture = picture_from_rgb(render(width, height, FPS, 2, number)[0])
            picture.pts, picture.time_base = at, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert [number_from_strip(frame.to_ndarray(format="rgb24")) for frame in frames] == numbers
    assert [number_from_strip(luma_of(frame)) for frame in frames] == numbers


def luma_of(frame):
    plane = frame.planes[0]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[
        : frame.height, : frame.width
    ]


@pytest.mark.parametrize("number", [0, 123, 0xABCDEF])
def test_number_survives_an_overlay_of_half_opacity(number):
    image, _ = render(480, 360, FPS, 2, number)
    palette = np.array(CAMVID.palette_rgb, np.uint8)
    bands = palette[np.arange(480) // 40 % len(CAMVID)]
    blended = ((image.astype(np.uint16) + bands) // 2).astype(np.uint8)
    assert number_from_strip(blended) == number


def test_no_number_is_read_where_there_is_none():
    image, _ = render(480, 360, FPS, 2, 9)
    flipped = image[:, ::-1]
    assert number_from_strip(np.ascontiguousarray(flipped)) is None
    assert number_from_strip(np.zeros((360, 480), np.uint8)) is None
    assert number_from_strip(np.full((360, 480, 3), 255, np.uint8)) is None
    assert number_from_strip(image[:-40]) is None
    assert number_from_strip(np.zeros((4, 4), np.uint8)) is None


def test_one_wrong_block_is_noticed():
    image, _ = render(480, 360, FPS, 2, 9)
    wide = 480 // 40
    for block in range(2, 38):
        broken = image.copy()
        part = broken[-8:, block * wide : (block + 1) * wide]
        part[...] = 254 - part
        assert number_from_strip(broken) is None


def test_real_frames_have_no_number(camvid):
    paths = sorted((camvid / "val").glob("*.png"))[:40]
    assert paths
    assert [number_from_strip(cv2.imread(str(path))) for path in paths] == [None] * len(paths)


# The source


def test_source_delivers_tagged_frames_in_order():
    drive = open_source("synth://321x243@30000/1001?seconds=0.2&seed=4")
    before = time.monotonic_ns()
    with drive:
        frames = list(drive)
    assert (drive.width, drive.height, drive.fps) == (321, 243, Fraction(30000, 1001))
    assert drive.frame_count == len(frames) == 6
    assert drive.time_base == Fraction(1001, 30000)
    assert drive.warnings == []
    assert [frame.index for frame in frames] == [frame.pts for frame in frames] == list(range(6))
    stamps = [frame.captured_ns for frame in frames]
    assert before < stamps[0]
    assert stamps == sorted(stamps)
    picture = frames[3].picture
    assert (picture.width, picture.height, picture.format.name) == (321, 243, "yuv420p")
    assert (picture.colorspace, picture.color_range) == (1, 1)
    assert picture.pts == 3
    assert picture.time_base == drive.time_base
    assert number_from_strip(luma_of(picture)) == 3


@pytest.mark.parametrize("size", [(128, 96), (129, 97)], ids=str)
def test_picture_has_the_rendered_colours(size):
    image, _ = render(*size, FPS, 0, 0)
    picture = picture_from_rgb(image)
    back = picture.reformat(format="rgb24", src_colorspace="ITU709").to_ndarray().astype(int)
    assert np.abs(back.mean(axis=(0, 1)) - image.mean(axis=(0, 1))).max() < 2
    for rgb, yuv in (
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
        ((255, 0, 0), (63, 102, 240)),
    ):
        flat = picture_from_rgb(np.full((size[1], size[0], 3), rgb, np.uint8))
        got = [plane_value(plane) for plane in flat.planes]
        assert np.abs(np.array(got) - yuv).max() <= 1


def plane_value(plane):
    """The plane's one value; fails where it has several."""
    values = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[
        : plane.height, : plane.width
    ]
    assert values.min() == values.max()
    return int(values[0, 0])


def test_defaults_are_ten_seconds_of_seed_nought():
    drive = SyntheticDrive.from_uri("synth://640x480@29.97")
    assert drive.frame_count == 300
    assert drive.seed == 0
    assert drive.fps == Fraction(2997, 100)


@pytest.mark.parametrize("uri", ["synth://640x480@25", "synth://65x49@30000/1001?seed=8&seconds=1.25"])
def test_uri_describes_the_same_drive_again(uri):
    drive = SyntheticDrive.from_uri(uri)
    again = SyntheticDrive.from_uri(drive.uri)
    assert again.uri == drive.uri
    assert (again.fps, again.frame_count, again.seed) == (drive.fps, drive.frame_count, drive.seed)


@pytest.mark.parametrize(
    ("uri", "word"),
    [
        ("synth://640x480", "form"),
        ("synth://640@25", "form"),
        ("synth://-640x480@25", "form"),
        ("synth://", "form"),
        ("synth://0x0@25", "range"),
        ("synth://9000x480@25", "8192"),
        ("synth://32x480@25", "range"),
        ("synth://640x480@0", "range"),
        ("synth://640x480@1/0", "FPS"),
        ("synth://640x480@fast", "FPS"),
        ("synth://640x480@100000", "range"),
        ("synth://640x480@25?seconds=0", "seconds"),
        ("synth://640x480@25?seconds=-1", "seconds"),
        ("synth://640x480@25?seconds=", "seconds"),
        ("synth://640x480@25?seconds=nan", "seconds"),
        ("synth://640x480@25?seed=x", "seed"),
        ("synth://640x480@25?seed=-1", "seed"),
        ("synth://640x480@25?seed=1&seed=2", "twice"),
        ("synth://640x480@25?colour=1", "colour"),
    ],
)
def test_bad_uris_are_one_plain_line_with_an_example(uri, word):
    with pytest.raises(InputError) as raised:
        SyntheticDrive.from_uri(uri)
    message = str(raised.value)
    assert word in message
    assert "\n" not in message
    SyntheticDrive.from_uri(message.split()[-1])


# Files


def ignore(_done):
    """Nobody watches the progress."""


@pytest.fixture
def drive():
    return SyntheticDrive(130, 98, Fraction(10), seconds=Fraction(3, 10), seed=1)


def test_video_and_labels(drive, tmp_path):
    done = []
    write_drive(drive, tmp_path / "drive.mp4", tmp_path / "labels", done.append)
    assert done == [1, 2, 3]
    with av.open(str(tmp_path / "drive.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        frames = list(container.decode(video=0))
    assert [number_from_strip(frame.to_ndarray(format="rgb24")) for frame in frames] == [0, 1, 2]
    names = [f"{index:06d}.png" for index in range(3)]
    assert sorted(path.name for path in (tmp_path / "labels").iterdir()) == names
    for index, name in enumerate(names):
        labels = cv2.imread(str(tmp_path / "labels" / name), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(labels, drive.render(index)[1])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drive.mp4", "labels"]


def test_data_folder(drive, tmp_path):
    (tmp_path / "data" / "train").mkdir(parents=True)
    write_drive(drive, tmp_path / "data", None, ignore)
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["synth", "synthannot", "train"]
    image = cv2.imread(str(tmp_path / "data" / "synth" / "000002.png"))[..., ::-1]
    labels = cv2.imread(str(tmp_path / "data" / "synthannot" / "000002.png"), cv2.IMREAD_UNCHANGED)
    wanted = drive.render(2)
    np.testing.assert_array_equal(image, wanted[0])
    np.testing.assert_array_equal(labels, wanted[1])
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize(
    ("out", "labels", "word"),
    [
        ("drive.avi", None, ".mp4"),
        ("drive.txt", None, ".mp4"),
        ("no/drive.mp4", None, "does not exist"),
        ("no/data", None, "does not exist"),
        ("drive.mp4", "no/labels", "does not exist"),
        ("drive.mp4", "full", "exists already"),
        ("drive.mp4", "file", "exists already"),
        ("data", "labels", "Leave"),
        ("full", None, "exists already"),
    ],
)
def test_outputs_that_cannot_be_written(drive, tmp_path, out, labels, word):
    (tmp_path / "full" / "synth").mkdir(parents=True)
    (tmp_path / "full" / "synth" / "a.png").touch()
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match=word):
        write_drive(drive, tmp_path / out, tmp_path / labels if labels else None, ignore)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("out", ["drive.mp4", "data"])
def test_nothing_is_left_when_it_stops_half_way(drive, tmp_path, out):
    def stop(done: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_drive(drive, tmp_path / out, None, stop)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_plainly(drive, tmp_path, monkeypatch):
    def full(_path, _data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(SinkFault, match="No space left"):
        write_drive(drive, tmp_path / "data", None, ignore)
    assert list(tmp_path.iterdir()) == []


if __name__ == "__main__":
    for case in [
        (w, h, seed, index) for w, h in ((160, 120), (321, 243)) for seed in (0, 7) for index in (0, 93)
    ]:
        print(f'    {case}: "{digest(*case)}",')  # noqa: T201

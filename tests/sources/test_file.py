from __future__ import annotations

import gc
import os
from fractions import Fraction
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from rtseg.errors import SourceError, SourceFault, SourceNotFoundError
from rtseg.picture import plane_view
from rtseg.sources import open_source
from rtseg.sources.decoder import Decoder
from rtseg.sources.file import VideoFile
from rtseg.sources.orientation import Orientation
from rtseg.timeline import Holes, Timeline
from tests.films import make_film

if TYPE_CHECKING:
    from pathlib import Path

FRAMES = {
    "highway.mp4": 221,
    "london.mp4": 146,
    "av1.mkv": 125,
    "overhead.mp4": 377,
    "tenbit.mp4": 30,
    "rotated90.mov": 3,
    "twostreams.mp4": 390,
}


@pytest.mark.parametrize("name", FRAMES)
def test_every_frame_comes_once_in_rising_order(videos: Path, name: str):
    with VideoFile(videos / name) as source:
        stamps = []
        for frame in source:
            assert frame.index == len(stamps)
            assert (frame.picture.width, frame.picture.height) == (source.width, source.height)
            stamps.append((frame.pts, frame.captured_ns))
    assert len(stamps) == FRAMES[name]
    assert all(pts < later for (pts, _), (later, _) in pairwise(stamps))
    assert all(taken <= later for (_, taken), (_, later) in pairwise(stamps))
    assert source.frame_count == FRAMES[name]


def test_facts(videos: Path):
    with VideoFile(videos / "highway.mp4") as source:
        facts = (source.width, source.height, source.fps, source.time_base)
        assert next(iter(source)).picture.format.name == "yuv420p"
    assert facts == (960, 540, Fraction(25), Fraction(1, 25))
    with VideoFile(videos / "tenbit.mp4") as source:
        assert next(iter(source)).picture.format.name == "yuv420p10le"


def test_backward_timestamps_are_repaired_and_counted(videos: Path):
    with VideoFile(videos / "london.mp4") as source:
        frames = iter(source)
        pts = [frame.pts for frame in islice(frames, 9)]
        frames.close()
    assert pts[5:8] == [7007, 7008, 9009]  # 7007, 4505, 9009 in the file
    assert [line.split(": ")[1] for line in source.warnings] == [
        "1 timestamps missing or not rising; repaired"
    ]


def test_timeline_changes_no_more_than_it_must():
    timeline = Timeline(Fraction(1, 100), Fraction(10))
    given = [None, 10, None, 15, 40, 1000, 5, 15, 30]
    assert [timeline.repair(pts) for pts in given] == [0, 10, 20, 21, 40, 1000, 1010, 1020, 1035]
    assert timeline.repaired == 4


def test_timeline_can_keep_a_distance():
    timeline = Timeline(Fraction(1, 90_000), Fraction(50), least=12)
    given = [0, 5, 5, 100, 111, 112]
    assert [timeline.repair(pts) for pts in given] == [0, 12, 24, 100, 112, 124]
    assert timeline.repaired == 4


def holes_in(stamps: list[int]) -> int:
    holes = Holes(Fraction(1, 100), Fraction(10))
    for pts in stamps:
        holes.see(pts)
    return holes.missing


def test_holes_are_counted_where_frames_come_regularly():
    steady = [10 * index + index % 2 for index in range(60)]
    assert holes_in(steady) == 0
    assert holes_in(steady[:20] + steady[23:40] + steady[41:]) == 4
    assert holes_in([0, 10, 25, 60, 70, 90, 200]) == 0
    assert holes_in([]) == holes_in([7]) == 0


def test_turned_video_is_upright(videos: Path):
    with VideoFile(videos / "rotated90.mov") as source:
        assert (source.width, source.height) == (320, 568)
        upright = next(iter(source)).picture
    assert (upright.colorspace, upright.color_range) == (1, 1)
    with av.open(str(videos / "rotated90.mov")) as container:
        stored = next(container.decode(video=0))
    for index in range(3):
        clockwise = np.rot90(plane_view(stored, index), -1)
        assert np.array_equal(plane_view(upright, index), clockwise)


def test_pictures_go_without_python_s_collector(videos: Path):
    """One that stayed would keep all pictures of its decoder."""

    def pictures_left():
        return sum(type(each) is av.VideoFrame and each.width > 2 for each in gc.get_objects())

    gc.collect()
    before = pictures_left()
    gc.disable()
    try:
        with VideoFile(videos / "highway.mp4") as source:
            assert pictures_left() > before
            assert sum(1 for _ in source) == 221
        assert pictures_left() == before
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (Orientation(transposed=False, mirrored_x=True, mirrored_y=True), [[4, 3], [2, 1]]),
        (Orientation(transposed=False, mirrored_x=True, mirrored_y=False), [[2, 1], [4, 3]]),
        (Orientation(transposed=True, mirrored_x=False, mirrored_y=False), [[1, 3], [2, 4]]),
        (Orientation(transposed=True, mirrored_x=True, mirrored_y=False), [[3, 1], [4, 2]]),
    ],
)
def test_orientations(orientation: Orientation, expected: list[list[int]]):
    picture = av.VideoFrame(6, 4, "yuv420p")
    quarters = np.array([[1, 2], [3, 4]], np.uint8)
    for index, size in enumerate(((2, 3), (1, 1), (1, 1))):
        plane_view(picture, index)[:] = 9
        if index == 0:
            plane_view(picture, 0)[:] = np.kron(quarters, np.ones(size, np.uint8))
    luma = plane_view(orientation.upright_from(picture), 0)
    corners = [[int(luma[0, 0]), int(luma[0, -1])], [int(luma[-1, 0]), int(luma[-1, -1])]]
    assert corners == expected


def test_turned_rgb_stays_rgb():
    stored = av.VideoFrame.from_ndarray(np.full((4, 6, 3), (250, 100, 20), np.uint8), format="rgb24")
    stored.pts, stored.duration = 5, 3
    upright = Orientation(transposed=True, mirrored_x=False, mirrored_y=False).upright_from(stored)
    assert (upright.width, upright.height, upright.pts, upright.duration) == (4, 6, 5, 3)
    assert upright.format.is_rgb
    assert upright.to_ndarray(format="rgb24")[0, 0].tolist() == [250, 100, 20]


def test_interlaced_pictures_are_said_to_be(tmp_path: Path):
    path = tmp_path / "fields.mkv"
    with av.open(str(path), "w") as film:
        video = film.add_stream("libx264", rate=25, options={"flags": "+ildct+ilme"})
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        for index in range(5):
            picture = av.VideoFrame(64, 64, "yuv420p")
            picture.pts = index
            film.mux(video.encode(picture))
        film.mux(video.encode(None))
    with VideoFile(path) as source:
        assert len(list(source)) == 5
    assert [line.split(": ")[1].split(";")[0] for line in source.warnings] == ["5 frames interlaced"]


def make_avi(path: Path) -> Path:
    """60 frames, each of them whole by itself."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as film:
        video = film.add_stream("mjpeg", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuvj420p"
        for index in range(60):
            noise = rng.integers(0, 255, (72, 64), np.uint8)
            picture = av.VideoFrame.from_ndarray(noise, format="yuvj420p")
            picture.pts = index
            film.mux(video.encode(picture))
        film.mux(video.encode(None))
    return path


@pytest.mark.parametrize("ending", [".mkv", ".avi"])
def test_a_file_that_says_how_long_it_is_and_is_not(tmp_path: Path, ending: str):
    """The index of neither can be read; what tells is in its first bytes."""
    whole = tmp_path / f"whole{ending}"
    if ending == ".avi":
        make_avi(whole)
    else:
        make_film(whole, frames=60, sound=None)
    cut = tmp_path / f"cut{ending}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    frames = []
    with VideoFile(cut) as source, pytest.raises(SourceFault, match="ends early, after"):
        frames.extend(source)
    assert 5 < len(frames) < 55
    with VideoFile(whole) as source:
        assert len(list(source)) == 60
    assert source.warnings == []


def test_a_stream_of_matroska_may_be_endless(tmp_path: Path):
    film = make_film(tmp_path / "in.mkv", frames=60, sound=None)
    data = film.read_bytes()
    at = data.index(b"\x18\x53\x80\x67") + 4  # the segment's length, eight bytes
    film.write_bytes(data[:at] + b"\x01" + b"\xff" * 7 + data[at + 8 : len(data) * 2 // 3])
    with VideoFile(film) as source:
        frames = list(source)
    assert 5 < len(frames) < 55
    assert any("before the file says they do" in line for line in source.warnings)


def test_frames_that_an_avi_lost_are_noticed(tmp_path: Path):
    film = make_avi(tmp_path / "in.avi")
    chunks = film.read_bytes().split(b"00dc")
    film.write_bytes(b"00dc".join(chunks[:30]) + b"xxxx" + b"00dc".join(chunks[30:]))
    with VideoFile(film) as source:
        frames = list(source)
    assert 50 < len(frames) < 60
    assert any("before the file says they do" in line for line in source.warnings)


def test_streams_that_turn_up_on_the_way():
    """PyAV raises an IndexError for them, once all is read."""

    class Stream:
        thread_type = ""

        def decode(self, packet):
            return [Picture()] if packet is None else []

    class Picture:
        is_corrupt = False

    class Container:
        def demux(self, _stream):
            yield Packet()
            raise IndexError("list index out of range")

    class Packet:
        is_corrupt = False

    decoder = Decoder(Container(), Stream())
    assert len(list(decoder)) == 1
    assert decoder.errors == 0


def test_damage_in_the_middle_is_a_warning(videos: Path):
    with VideoFile(videos / "truncated.mp4") as source:
        frames = list(source)
    assert len(frames) == 49  # 50 packets, one of which does not decode
    assert any("1 packets damaged" in line for line in source.warnings)


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_cut_off_file_gives_its_good_frames_then_fails(videos: Path, tmp_path: Path, share: float):
    whole = (videos / "highway.mp4").read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: int(len(whole) * share)])
    frames = []
    with VideoFile(cut) as source, pytest.raises(SourceFault, match=r"ends early, after \d+ of about 221"):
        frames.extend(source)
    assert 221 * share * 0.5 < len(frames) < 221 * share * 1.5
    assert [frame.index for frame in frames] == list(range(len(frames)))


def test_leaving_early_is_quiet(videos: Path):
    with VideoFile(videos / "highway.mp4") as source:
        for frame in source:
            if frame.index == 3:
                break
    assert plane_view(frame.picture, 0).any()  # outlives the file
    assert source.warnings == []


def make_bad_file(kind: str, folder: Path, videos: Path) -> Path:
    path = folder / "clip.mp4"
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("not a video\n" * 100)
    elif kind == "notes":
        path = folder / "notes.txt"
        path.write_text("not a video\n" * 100)
    elif kind == "codec":
        path.write_bytes((videos / "highway.mp4").read_bytes().replace(b"avc1", b"xyz1"))
    elif kind == "header only":
        path.write_bytes((videos / "highway.mp4").read_bytes()[:4700])
    return path


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("missing", SourceNotFoundError, "no such file"),
        ("folder", SourceError, "a folder"),
        ("empty", SourceError, "the file is empty"),
        ("text", SourceError, "not a video file that can be read"),
        ("notes", SourceError, "a text file"),
        ("codec", SourceError, "its video codec is unknown"),
        ("header only", SourceError, "no frame of it can be decoded"),
    ],
)
def test_bad_input_is_one_plain_line(videos: Path, tmp_path: Path, kind: str, error: type, words: str):
    path = make_bad_file(kind, tmp_path, videos)
    with pytest.raises(error, match=words) as caught, VideoFile(path):
        pass
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert caught.value.exit_code == 2


def test_sound_alone_is_no_video(tmp_path: Path):
    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    with pytest.raises(SourceError, match="holds no video, only audio"), VideoFile(path):
        pass


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"x")
    if os.geteuid() == 0:  # root may read everything, so the system's refusal is played

        def refuse(*_args, **_kwargs):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("pathlib.Path.open", refuse)
    else:
        path.chmod(0)
    with pytest.raises(SourceError, match="Permission denied"), VideoFile(path):
        pass


def test_open_source_tells_kinds_apart(videos: Path):
    assert isinstance(open_source(str(videos / "highway.mp4")), VideoFile)
    with pytest.raises(SourceError, match=r"ftp://… is no source"):
        open_source("ftp://user:secret@host/1")

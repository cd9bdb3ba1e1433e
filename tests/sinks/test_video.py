from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from rtseg.errors import OutputError
from rtseg.frame import Frame, LabelMap, Painted
from rtseg.picture import plane_view
from rtseg.sinks.output import check_output
from rtseg.sinks.video import VideoSink
from rtseg.sources.decoder import Decoder
from rtseg.sources.file import VideoFile


@dataclass
class Facts:
    width: int = 64
    height: int = 48
    fps: Fraction = Fraction(25)
    time_base: Fraction = Fraction(1, 25)
    film: None = None
    exhausted: bool = True


def painted(facts: Facts, pts: int, *, noise: int = 0) -> Painted:
    picture = av.VideoFrame(facts.width, facts.height, "yuv420p")
    for index in range(3):
        view = plane_view(picture, index)
        view[:] = (np.arange(view.shape[1]) + 3 * pts) % 200
        if noise:
            view[:] += np.random.default_rng(pts).integers(0, noise, view.shape, np.uint8)
    picture.pts, picture.time_base = pts, facts.time_base
    frame = Frame(pts, pts, facts.time_base, 0, picture)
    return Painted(frame, LabelMap(np.zeros((2, 2), np.uint8)), picture)


def decoded(path: Path) -> list[av.VideoFrame]:
    with VideoFile(path) as source:
        return [frame.picture for frame in source]


def top_level_boxes(path: Path) -> list[bytes]:
    data, at, names = path.read_bytes(), 0, []
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        names.append(data[at + 4 : at + 8])
        at += size
    return names


@pytest.mark.parametrize("ending", [".mp4", ".m4v", ".mov", ".mkv"])
def test_every_frame_keeps_its_time(videos: Path, tmp_path: Path, ending: str):
    with VideoFile(videos / "london.mp4") as source:  # irregular timestamps
        times = [frame.pts for frame, _ in zip(source, range(12), strict=False)]
    facts = Facts(time_base=Fraction(1, 30000), fps=Fraction(30000, 1001))
    with VideoSink(tmp_path / f"out{ending}", facts) as sink:
        for pts in times:
            sink.write(painted(facts, pts))
    with av.open(str(tmp_path / f"out{ending}")) as container:
        back = [float(frame.time) for frame in container.decode(video=0)]
    tolerance_s = 0.0005 if ending == ".mkv" else 1e-9  # Matroska counts milliseconds
    assert back == pytest.approx([pts / 30000 for pts in times], abs=tolerance_s)


def test_a_finished_mp4_is_an_ordinary_one(tmp_path: Path):
    facts = Facts()
    with VideoSink(tmp_path / "out.mp4", facts) as sink:
        for pts in range(120):  # more than one fragment
            sink.write(painted(facts, pts))
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert b"moof" not in top_level_boxes(tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.frames, stream.average_rate, stream.codec_context.name) == (120, 25, "h264")
        assert container.duration == 120 * 1_000_000 // 25
        assert stream.codec_context.pix_fmt == "yuv420p"


@pytest.mark.parametrize("tags", [(1, 1, 1, 1), (6, 1, 6, 6), (6, 2, 1, 1), (9, 1, 9, 14), (2, 1, 2, 2)])
def test_colour_tags_travel(tmp_path: Path, tags: tuple[int, int, int, int]):
    facts = Facts()
    with VideoSink(tmp_path / "out.mp4", facts) as sink:
        item = painted(facts, 0)
        picture = item.picture
        picture.colorspace, picture.color_range, picture.color_primaries, picture.color_trc = tags
        sink.write(item)
    back = decoded(tmp_path / "out.mp4")[0]
    assert (back.colorspace, back.color_range, back.color_primaries, back.color_trc) == tags


@pytest.mark.parametrize("size", [(63, 48), (64, 47), (33, 35)])
def test_odd_sizes_keep_every_pixel(tmp_path: Path, size: tuple[int, int]):
    facts = Facts(*size)
    item = painted(facts, 5)
    with VideoSink(tmp_path / "out.mp4", facts) as sink:
        sink.write(item)
    back = decoded(tmp_path / "out.mp4")[0]
    assert (back.width, back.height) == size
    difference = plane_view(back, 0).astype(int) - plane_view(item.picture, 0)
    assert np.abs(difference).mean() < 3
    assert len(sink.warnings) == 1
    assert "4:4:4" in sink.warnings[0]


def test_after_an_error_elsewhere_the_file_plays(tmp_path: Path):
    facts = Facts()
    sink = VideoSink(tmp_path / "out.mp4", facts)
    sink.__enter__()
    for pts in range(7):
        sink.write(painted(facts, pts))
    error = RuntimeError("elsewhere")
    sink.__exit__(RuntimeError, error, None)
    assert len(decoded(tmp_path / "out.mp4")) == 7


def test_nothing_written_leaves_what_was_there(tmp_path: Path):
    (tmp_path / "out.mp4").write_bytes(b"an older file")
    with VideoSink(tmp_path / "out.mp4", Facts()):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert (tmp_path / "out.mp4").read_bytes() == b"an older file"


FULL_DISK = """
import resource, sys
from pathlib import Path
sys.path[:0] = [sys.argv[2]]
from tests.sinks.test_video import Facts, VideoSink, painted
from rtseg.errors import SinkFault
limit = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
facts = Facts()
try:
    with VideoSink(Path(sys.argv[1]), facts) as sink:
        for pts in range(400):
            sink.write(painted(facts, pts, noise=120))
except SinkFault as fault:
    print(pts, fault)
    sys.exit(fault.exit_code)
"""


def run_into_a_full_disk(path: Path, limit_bytes: int) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", FULL_DISK, str(path), str(root), str(limit_bytes)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=root, check=False)


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_a_full_disk_leaves_what_plays(tmp_path: Path, ending: str):
    path = tmp_path / f"out{ending}"
    run = run_into_a_full_disk(path, 400_000)
    assert run.returncode == 3, run.stderr
    assert run.stderr == ""
    assert "writing failed (File too large)" in run.stdout
    assert [left.name for left in tmp_path.iterdir()] == [path.name]
    failed_at = int(run.stdout.split()[0])
    with av.open(str(path)) as container:
        decoder = Decoder(container, container.streams.video[0])
        frames = len(list(decoder))
    assert frames > failed_at - 170  # two fragments, and what the encoder held
    assert (
        decoder.errors == 0 or ending == ".mkv"
    )  # Matroska may end in a torn frame, which players pass over


def test_a_disk_full_from_the_start_leaves_nothing(tmp_path: Path):
    run = run_into_a_full_disk(tmp_path / "out.mp4", 1000)
    assert run.returncode == 3, run.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to(tmp_path: Path):
    with pytest.raises(OutputError, match="cannot be made"), VideoSink(tmp_path / "no" / "out.mp4", Facts()):
        pass


def test_check_output_refuses(tmp_path: Path):
    source = tmp_path / "in.mp4"
    source.write_bytes(b"x")
    (tmp_path / "link.mp4").symlink_to(source)
    (tmp_path / "folder.mp4").mkdir()
    cases = {
        "in.mp4": "the source itself",
        "link.mp4": "the source itself",
        "folder.mp4": "a folder",
        "no/out.mp4": "does not exist",
        "out.avi": "not a kind of video",
        "out": "not a kind of video",
    }
    for name, words in cases.items():
        with pytest.raises(OutputError, match=words) as caught:
            check_output(tmp_path / name, str(source))
        assert "\n" not in str(caught.value)
    check_output(tmp_path / "out.MP4", str(source))
    check_output(tmp_path / "out.mkv", "synth://64x48@25")
    assert not (tmp_path / "out.mkv").exists()

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import time
from fractions import Fraction

import av
import pytest

from rtseg.errors import OutputError, SinkFault
from rtseg.sinks.recording import RecordingSink, piece_path, pieces_of
from tests.sinks.live import SIZE, drive, painted, read_back, uneven_pts

ENDINGS = [".mp4", ".mov", ".mkv"]
UNITS_A_SECOND = 90_000


def are_times(found: list[Fraction], pts: list[int], ending: str) -> bool:
    """Whether times are as exact as a container can tell: Matroska counts milliseconds."""
    largest = max(abs(a - Fraction(b, UNITS_A_SECOND)) for a, b in zip(found, pts, strict=True))
    return largest <= (Fraction(1, 2000) if ending == ".mkv" else 0)


@pytest.mark.parametrize("begin", [0, 123_457])
@pytest.mark.parametrize("ending", ENDINGS)
def test_every_picture_at_its_own_time_and_a_key_frame_a_second(tmp_path, ending: str, begin: int):
    path, times = tmp_path / f"r{ending}", uneven_pts(90, begin)
    with RecordingSink(path, drive(), crf=20) as sink:
        for index, pts in enumerate(times):
            sink.write(painted(index % 20, pts))
        assert sink.end_segment() == {}
    found = list(read_back(path))
    assert [number for _, number, _ in found] == [index % 20 for index in range(90)]
    assert are_times([when for when, _, _ in found], times, ending)
    keys = [when for when, _, is_key in found if is_key]
    assert keys[0] == found[0][0]
    assert max(b - a for a, b in itertools.pairwise(keys)) < 1 + Fraction(1, 15)
    assert sink.warnings == []
    assert sink.paths == [path]
    with av.open(str(path)) as film:
        assert "creation_time" in film.metadata
        film.seek(int(2.5 * av.time_base) + begin * av.time_base // UNITS_A_SECOND)
        assert next(film.decode(video=0)).time > 1 + begin / UNITS_A_SECOND
        if ending != ".mkv":
            assert film.streams.video[0].frames == 90  # of an ordinary film


@pytest.mark.parametrize("ending", ENDINGS)
def test_it_plays_at_any_moment_while_it_grows(tmp_path, ending: str):
    path, readable = tmp_path / f"r{ending}", 0
    with RecordingSink(path, drive()) as sink:
        for index in range(120):
            sink.write(painted(index % 10, index * 3000))
            if index % 20 == 19 and index > 40:
                found = list(read_back(path))
                assert [number for _, number, _ in found] == [n % 10 for n in range(len(found))]
                assert len(found) >= index - 45
                assert len(found) >= readable
                readable = len(found)
    assert len(list(read_back(path))) == 120


@pytest.mark.parametrize("ending", ENDINGS)
def test_split_files_are_films_of_their_own_and_miss_nothing(tmp_path, ending: str):
    path, times = tmp_path / f"a[1]*{ending}", uneven_pts(150)
    with RecordingSink(path, drive(), split_s=2) as sink:
        for index, pts in enumerate(times):
            sink.write(painted(index % 20, pts))
    pieces = pieces_of(path)
    assert pieces == sink.paths == [piece_path(path, number) for number in range(1, len(pieces) + 1)]
    assert pieces[0].name == f"a[1]*-0001{ending}"
    assert len(pieces) == 1 + times[-1] // (2 * UNITS_A_SECOND)
    films = [list(read_back(piece)) for piece in pieces]
    assert [number for film in films for _, number, _ in film] == [index % 20 for index in range(150)]
    begun = 0
    for film in films:
        assert (film[0][0], film[0][2]) == (0, True)
        expected = [pts - times[begun] for pts in times[begun : begun + len(film)]]
        assert are_times([when for when, _, _ in film], expected, ending)
        begun += len(film)
    assert not path.exists()


@pytest.mark.parametrize(("ending", "split"), [(".mp4", None), (".mkv", None), (".mov", None), (".mp4", "1")])
def test_killed_at_a_random_moment_it_plays_up_to_the_last_seconds(tmp_path, ending: str, split: str | None):
    path = tmp_path / f"r{ending}"
    arguments = [sys.executable, "-m", "tests.sinks.live", str(path), *([split] if split else [])]
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    wanted = random.Random(ending).randint(80, 160)
    taken = 0
    for line in child.stdout:
        taken = int(line) + 1
        if taken >= wanted:
            break
    time.sleep(random.Random(split).random() / 30)
    child.kill()
    taken = max([taken, *(int(line) + 1 for line in child.stdout)])
    child.wait()
    child.stdout.close()
    films = [list(read_back(piece)) for piece in (pieces_of(path) if split else [path]) if plays(piece)]
    numbers = [number for film in films for _, number, _ in film]
    assert numbers == [index % 20 for index in range(len(numbers))]
    assert taken - 45 <= len(numbers) <= taken


def plays(path) -> bool:
    try:
        return next(read_back(path), None) is not None
    except av.FFmpegError:
        return False


FULL_DISK = """
import resource, sys
from pathlib import Path
from rtseg.errors import SinkFault
from rtseg.sinks.recording import RecordingSink
from tests.sinks.live import drive, painted
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with RecordingSink(Path(sys.argv[1]), drive()) as sink:
        for index in range(300):
            sink.write(painted(index % 20, index * 3000))
except SinkFault as error:
    print(index, error, flush=True)
    sys.exit(3)
"""


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_disk_is_one_plain_line_and_the_rest_plays(tmp_path, ending: str):
    path = tmp_path / f"r{ending}"
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path), "500000"], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (3, "")
    index, message = run.stdout.strip().split(" ", 1)
    assert message.startswith(f"{path}: recording failed (File too large). What was recorded before")
    numbers = [number for _, number, _ in read_back(path)]
    assert numbers == [n % 20 for n in range(len(numbers))]
    assert len(numbers) > int(index) - 75


def test_a_picture_of_another_size_is_stretched_and_said_once(tmp_path):
    path = tmp_path / "r.mp4"
    with RecordingSink(path, drive()) as sink:
        for index in range(6):
            size = (640, 480) if index in (2, 3) else SIZE
            sink.write(painted(index, index * 3000, size))
    with av.open(str(path)) as film:
        assert [(p.width, p.height) for p in film.decode(video=0)] == [SIZE] * 6
    assert sink.warnings == [
        f"{path}: pictures of 640x480 came in mid-stream; they are recorded stretched to 320x240"
    ]


def test_times_that_do_not_rise_do_not_end_it(tmp_path):
    path = tmp_path / "r.mp4"
    with RecordingSink(path, drive()) as sink:
        for index, pts in enumerate([0, 3000, 3000, 1000, 9000]):
            sink.write(painted(index, pts))
    assert [when * UNITS_A_SECOND for when, _, _ in read_back(path)] == [0, 3000, 3001, 3002, 9000]


def test_the_picture_that_others_hold_stays_as_it_was(tmp_path):
    item = painted(3, 7)
    before = (item.picture.pts, item.picture.pict_type, item.picture.time_base)
    with RecordingSink(tmp_path / "r.mp4", drive()) as sink:
        sink.write(item)
    assert (item.picture.pts, item.picture.pict_type, item.picture.time_base) == before


def test_without_a_picture_there_is_no_file(tmp_path):
    for split_s in (None, 1.0):
        with RecordingSink(tmp_path / "r.mp4", drive(), split_s=split_s) as sink:
            assert len(list(tmp_path.iterdir())) == 1
        assert list(tmp_path.iterdir()) == []
        assert sink.paths == []


def test_where_it_cannot_be_made_it_says_so(tmp_path):
    with pytest.raises(OutputError, match=r"cannot be made \(No such file or directory\)"):
        RecordingSink(tmp_path / "no" / "r.mp4", drive()).__enter__()


def test_after_an_error_elsewhere_it_is_whole(tmp_path):
    path = tmp_path / "r.mp4"
    sink = RecordingSink(path, drive())
    with sink:
        for index in range(10):
            sink.write(painted(index, index * 3000))
        sink.__exit__(ValueError, ValueError("elsewhere"), None)
    assert len(list(read_back(path))) == 10


def test_a_sink_that_failed_takes_nothing_more(tmp_path, monkeypatch):
    with RecordingSink(tmp_path / "r.mp4", drive()) as sink:
        sink.write(painted(0, 0))
        monkeypatch.setattr(
            "rtseg.sinks.live_encoder.LiveEncoder.encode",
            lambda *_: (_ for _ in ()).throw(OSError(28, "full")),
        )
        with pytest.raises(SinkFault, match="full"):
            sink.write(painted(1, 3000))
        sink.write(painted(2, 6000))
    assert len(list(read_back(tmp_path / "r.mp4"))) == 1

"""Overlays as images: the right colours, under the right names, whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from rtseg.classes import CAMVID
from rtseg.errors import OutputError, SinkFault, SourceError
from rtseg.frame import Frame, Labelled, LabelMap, Painted
from rtseg.sinks.images import (
    ImageFolder,
    SingleImage,
    bgr_from_picture,
    check_image_output,
    image_sink,
    is_image_output,
    write_image,
)
from rtseg.sources.images import ImageFiles
from rtseg.stages.colorize import Colorize
from tests.stages.pictures import flat_picture

NO_LABELS = LabelMap(np.zeros((36, 48), np.uint8))


def painted(
    index: int = 0,
    *,
    name: str | None = None,
    size: tuple[int, int] = (64, 48),
    colour=(200, 60, 30),
    tags=(1, 1),
) -> Painted:
    picture = flat_picture(size, colour, pixel_format="yuv420p", colorspace=tags[0], color_range=tags[1])
    return Painted(Frame(index, index, Fraction(1, 25), 0, picture, name), NO_LABELS, picture)


def pass_through(uri: Path, out: Path, *, scaled: bool = False) -> None:
    """Images to images, with nothing painted over them."""
    colorize = Colorize(CAMVID, opacity=0)
    with ImageFiles(uri, scaled=scaled) as source, ImageFolder(out) as sink:
        for frame in source:
            sink.write(colorize.process(Labelled(frame, NO_LABELS)))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def through_420(image_bgr: np.ndarray) -> np.ndarray:
    """What 4:2:0 leaves of an image, by textbook arithmetic in floats: colour is shared by 2×2 pixels."""
    height, width = image_bgr.shape[:2]
    blue, green, red = np.moveaxis(image_bgr.astype(np.float64), -1, 0)
    large = width >= 1280 or height > 576
    kr, kb = (0.2126, 0.0722) if large else (0.299, 0.114)
    luma = np.rint(16 + 219 / 255 * (kr * red + (1 - kr - kb) * green + kb * blue))
    y = (luma - 16) * 255 / 219
    full = kr * red + (1 - kr - kb) * green + kb * blue
    chroma = [(blue - full) / (1 - kb), (red - full) / (1 - kr)]
    u, v = (
        cv2.resize(
            cv2.resize(plane, (width // 2, height // 2), interpolation=cv2.INTER_AREA), (width, height)
        )
        for plane in chroma
    )
    blue, red = y + u * (1 - kb), y + v * (1 - kr)
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return np.dstack([blue, green, red]).clip(0, 255)


@pytest.mark.parametrize("size", [(480, 360), (1280, 720)])  # BT.601, BT.709
def test_real_images_come_back_within_the_error_of_420(camvid: Path, tmp_path: Path, size: tuple[int, int]):
    file = min((camvid / "val").glob("*.png"))
    image = cv2.resize(cv2.imread(str(file)), size)
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / file.name), image)
    pass_through(tmp_path / "in", tmp_path / "out")
    back = cv2.imread(str(tmp_path / "out" / file.name)).astype(np.float64)
    assert back.shape == image.shape
    error = np.abs(back - image).mean()
    assert error < np.abs(through_420(image) - image).mean() + 0.8
    assert np.abs((back - image).mean(axis=(0, 1))).max() < 2  # no tint


PATCHES = [(0, 0, 255), (0, 255, 0), (255, 0, 0), (255, 255, 255), (0, 0, 0), (128, 64, 32), (30, 200, 210)]


@pytest.mark.parametrize("size", [(64, 48), (65, 47), (1280, 720)])
def test_known_colours_come_back(tmp_path: Path, size: tuple[int, int]):
    (tmp_path / "in").mkdir()
    for number, colour in enumerate(PATCHES):
        image = np.empty((size[1], size[0], 3), np.uint8)
        image[:] = colour
        cv2.imwrite(str(tmp_path / "in" / f"{number}.png"), image)
    pass_through(tmp_path / "in", tmp_path / "out")
    for number, colour in enumerate(PATCHES):
        back = cv2.imread(str(tmp_path / "out" / f"{number}.png"), cv2.IMREAD_UNCHANGED)
        assert back.shape == (size[1], size[0], 3)
        assert np.abs(back.astype(int) - colour).max() <= 4, colour


@pytest.mark.parametrize("colorspace", [1, 5, 6, 9, 2])
@pytest.mark.parametrize("color_range", [1, 2])
@pytest.mark.parametrize("size", [(64, 48), (65, 47), (1280, 720)])
def test_matrix_and_range_are_the_pictures_own(colorspace: int, color_range: int, size: tuple[int, int]):
    item = painted(size=size, tags=(colorspace, color_range))
    back = bgr_from_picture(item.picture, VideoReformatter())
    assert back.shape == (size[1], size[0], 3)
    assert np.abs(back.astype(int) - (30, 60, 200)).max() <= 3


def test_images_are_named_after_theirs_or_counted(tmp_path: Path):
    with ImageFolder(tmp_path / "out") as sink:
        sink.write(painted(0))
        sink.write(painted(123456))
        sink.write(painted(1, name="ein Bild – 東京"))
    assert names_in(tmp_path / "out") == ["000000.png", "123456.png", "ein Bild – 東京.png"]


@pytest.mark.parametrize("ending", [".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm"])
def test_every_ending_is_written_as_what_it_says(tmp_path: Path, ending: str):
    with ImageFolder(tmp_path / "out", ending=ending) as sink:
        sink.write(painted(name="a"))
    with SingleImage(tmp_path / f"single{ending.upper()}") as single:
        single.write(painted())
    magic = {
        ".png": b"\x89PNG", ".jpg": b"\xff\xd8", ".jpeg": b"\xff\xd8", ".bmp": b"BM", ".tif": b"II*\0",
        ".tiff": b"II*\0", ".webp": b"RIFF", ".ppm": b"P6",
    }  # fmt: skip
    for path in (tmp_path / "out" / f"a{ending}", tmp_path / f"single{ending.upper()}"):
        assert path.read_bytes().startswith(magic[ending])
        assert np.abs(cv2.imread(str(path)).astype(int) - (30, 60, 200)).max() <= 4


def test_unknown_endings_are_refused(tmp_path: Path):
    with pytest.raises(OutputError, match="not a kind of image"):
        ImageFolder(tmp_path / "out", ending=".pgm")  # would be grey


def test_images_of_their_own_sizes(tmp_path: Path):
    sizes = [(64, 48), (33, 35), (1, 1), (200, 20)]
    with ImageFolder(tmp_path / "out") as sink:
        for index, size in enumerate(sizes):
            sink.write(painted(index, size=size))
    shapes = [cv2.imread(str(tmp_path / "out" / f"{index:06d}.png")).shape for index in range(4)]
    assert shapes == [(height, width, 3) for width, height in sizes]


def test_nothing_written_leaves_nothing(tmp_path: Path):
    with ImageFolder(tmp_path / "out"), SingleImage(tmp_path / "a.png"):
        pass
    assert names_in(tmp_path) == []


def test_an_empty_folder_from_before_stays(tmp_path: Path):
    (tmp_path / "out").mkdir()
    with ImageFolder(tmp_path / "out"):
        pass
    assert names_in(tmp_path) == ["out"]


def test_after_an_error_elsewhere_the_images_so_far_are_there(tmp_path: Path):
    sink = ImageFolder(tmp_path / "out")
    sink.__enter__()
    sink.write(painted(0))
    sink.__exit__(RuntimeError, RuntimeError("elsewhere"), None)
    assert names_in(tmp_path / "out") == ["000000.png"]


def test_a_folder_that_cannot_be_made(tmp_path: Path):
    with pytest.raises(OutputError, match="cannot be made"), ImageFolder(tmp_path / "no" / "out"):
        pass


FULL_DISK = """
import resource, sys
from pathlib import Path
sys.path[:0] = [sys.argv[2]]
from tests.sinks.test_images import ImageFolder, SinkFault, SingleImage, noisy
out = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    with SingleImage(out) if out.suffix else ImageFolder(out) as sink:
        for index, side in enumerate((32, 48, 400) if not out.suffix else (400,)):
            sink.write(noisy(index, side))
except SinkFault as fault:
    print(fault)
    sys.exit(fault.exit_code)
"""


def noisy(index: int, side: int) -> Painted:
    image = np.random.default_rng(index).integers(0, 256, (side, side, 3), np.uint8)
    picture = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p")
    return Painted(Frame(index, index, Fraction(1, 25), 0, picture), NO_LABELS, picture)


@pytest.mark.parametrize(("name", "left"), [("out", ["000000.png", "000001.png"]), ("a.png", None)])
def test_a_full_disk_leaves_whole_images(tmp_path: Path, name: str, left: list[str] | None):
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / name), str(root)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=root, check=False)
    assert run.returncode == 3, run.stderr
    assert run.stderr == ""
    assert "writing failed (File too large)" in run.stdout
    assert run.stdout.count("\n") == 1
    assert names_in(tmp_path) == ([name] if left else [])
    if left:
        assert names_in(tmp_path / name) == left
        assert all(cv2.imread(str(path)) is not None for path in (tmp_path / name).iterdir())


def test_a_disk_full_at_the_first_image_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", refuse)
    with pytest.raises(SinkFault, match="No space left"), ImageFolder(tmp_path / "out") as sink:
        sink.write(painted())
    assert names_in(tmp_path) == []


def test_an_older_image_stays_where_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a.png").write_bytes(b"an older file")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", refuse)
    with pytest.raises(SinkFault), SingleImage(tmp_path / "a.png") as sink:
        sink.write(painted())
    assert names_in(tmp_path) == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"an older file"


def test_what_a_format_cannot_hold_is_said_plainly(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    with pytest.raises(SinkFault, match=r"\.jpg cannot hold 70000×2 pixels"):
        write_image(tmp_path / "a.jpg", np.zeros((2, 70_000, 3), np.uint8))
    assert names_in(tmp_path) == []
    capfd.readouterr()  # OpenCV says it too


def test_one_image_is_for_one_frame(tmp_path: Path):
    with SingleImage(tmp_path / "a.png") as sink:
        sink.write(painted(0, colour=(200, 60, 30)))
        with pytest.raises(SinkFault, match="the first is kept"):
            sink.write(painted(1, colour=(0, 0, 0)))
    assert cv2.imread(str(tmp_path / "a.png"))[0, 0, 2] > 190


def test_the_name_chooses_the_sink(tmp_path: Path):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "v1.2").mkdir()
    for name, kind in (
        ("a.png", SingleImage),
        ("out", ImageFolder),
        ("folder.png", ImageFolder),
        ("v1.2", ImageFolder),
    ):
        assert is_image_output(tmp_path / name)
        assert isinstance(image_sink(tmp_path / name, 1), kind)
    assert isinstance(image_sink(tmp_path / "a.png", None), SingleImage)
    assert isinstance(image_sink(tmp_path / "out", 100), ImageFolder)
    assert not is_image_output(tmp_path / "out.mp4")
    with pytest.raises(OutputError, match="the source has 2 frames"):
        image_sink(tmp_path / "a.png", 2)


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    folder = tmp_path / "drive"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / name), np.zeros((6, 8, 3), np.uint8))
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    return folder


@pytest.mark.parametrize(
    ("output", "source", "words"),
    [
        ("drive", "drive", "the source's images are in this folder"),
        ("link", "drive", "the source's images are in this folder"),
        ("drive", "drive/*.png", "the source's images are in this folder"),
        ("drive", "*/*.png", "the source's images are in this folder"),
        ("drive", "drive/a.png", "the source's images are in this folder"),
        ("drive/a.png", "drive/a.png", "the source itself"),
        ("link/a.png", "drive/a.png", "the source itself"),
        ("drive/b.png", "drive", "an image of the source itself"),
        ("link/b.png", "drive/*.png", "an image of the source itself"),
        ("no/out", "drive", "does not exist"),
        ("no/a.png", "drive/a.png", "does not exist"),
        ("out.gif", "drive/a.png", "not a kind of image"),
        ("out.mp4", "drive/a.png", "not a kind of image"),
        ("out.pgm", "drive/a.png", "not a kind of image"),
        ("file", "drive", "a file, so no folder"),
    ],
)
def test_check_image_output_refuses(drive: Path, output: str, source: str, words: str):
    with pytest.raises(OutputError, match=words) as caught:
        check_image_output(drive.parent / output, str(drive.parent / source))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("output", ["out", "out.JPG", "empty", "drive/c.png"])
@pytest.mark.parametrize("source", ["drive", "drive/a.png", "drive/*.png", "file", "synth://64x48@25"])
def test_check_image_output_takes(drive: Path, output: str, source: str):
    before = sorted(drive.parent.rglob("*"))
    check_image_output(drive.parent / output, source if "://" in source else str(drive.parent / source))
    assert sorted(drive.parent.rglob("*")) == before


def test_check_image_output_says_what_the_source_lacks(drive: Path):
    with pytest.raises(SourceError, match="no image in this folder"):
        check_image_output(drive, str(drive.parent / "empty"))


@pytest.mark.parametrize("output", ["empty", "out", "a.png"])
def test_places_that_may_not_be_written_to(drive: Path, monkeypatch: pytest.MonkeyPatch, output: str):
    if os.geteuid() == 0:  # root may write everywhere, so the system's refusal is played
        monkeypatch.setattr(os, "access", lambda *_: False)
    else:
        for folder in (drive.parent / "empty", drive.parent):
            folder.chmod(0o555)
    try:
        with pytest.raises(OutputError, match="cannot be written to"):
            check_image_output(drive.parent / output, str(drive))
    finally:
        for folder in (drive.parent, drive.parent / "empty"):
            folder.chmod(0o755)

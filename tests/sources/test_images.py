"""Still images: every file that decodes, once, in the order a person would count them."""

from __future__ import annotations

import os
import struct
from fractions import Fraction
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from rtseg.errors import SourceError, SourceNotFoundError
from rtseg.sources import images, listing
from rtseg.sources.images import ImageFiles
from rtseg.sources.listing import image_names, image_paths, is_images

if TYPE_CHECKING:
    from pathlib import Path


def save(path: Path, *, size: tuple[int, int] = (8, 6), level: int = 100) -> Path:
    """Write a grey image in colour, (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((size[1], size[0], 3), level, np.uint8))
    return path


def delivered(uri: str | Path, **options) -> tuple[ImageFiles, list]:
    with ImageFiles(uri, **options) as source:
        return source, list(source)


def only_image(path: Path) -> np.ndarray:
    return delivered(path)[1][0].picture.to_ndarray()


def names_of(uri: str | Path) -> list[str]:
    paths = image_paths(str(uri))
    return image_names(paths, str(uri))


def test_real_images_come_as_they_are_in_the_order_of_their_names(camvid: Path):
    folder = camvid / "val"
    files = sorted(folder.glob("*.png"))  # CamVid counts with leading zeros
    with ImageFiles(folder) as source:
        assert (source.width, source.height, source.frame_count) == (480, 360, len(files))
        assert (source.fps, source.time_base, source.film) == (25, Fraction(1, 25), None)
        for number, (frame, file) in enumerate(zip(source, files, strict=True)):
            assert (frame.index, frame.pts, frame.name) == (number, number, file.stem)
            assert (frame.picture.pts, frame.picture.time_base) == (number, source.time_base)
            if number % 25 == 0:
                assert np.array_equal(frame.picture.to_ndarray(), cv2.imread(str(file)))
    assert source.exhausted
    assert source.warnings == []


def test_each_file_is_read_once_and_when_its_turn_comes(camvid: Path, monkeypatch: pytest.MonkeyPatch):
    read = []
    decode = images.picture_from_file
    monkeypatch.setattr(images, "picture_from_file", lambda path: read.append(path) or decode(path))
    with ImageFiles(camvid / "val") as source:
        frames = iter(source)
        assert len(read) == 1
        for count in range(1, 5):
            frame = next(frames)
            assert len(read) == count
        assert frame.captured_ns > 0
        frames.close()
    assert not source.exhausted
    assert len(set(read)) == 4


def test_stamps_rise_although_the_first_was_decoded_early(camvid: Path):
    import time

    with ImageFiles(camvid / "val") as source:
        begin = time.monotonic_ns()
        stamps = [frame.captured_ns for frame, _ in zip(source, range(4), strict=False)]
    assert begin <= stamps[0]
    assert stamps == sorted(stamps)


def test_natural_order(tmp_path: Path):
    for name in ("img10.png", "IMG3.png", "img2.png", "img02.png", "img1.JPG", "a.png"):
        save(tmp_path / name)
    listed = [path.name for path in image_paths(str(tmp_path))]
    assert listed == ["a.png", "img1.JPG", "img02.png", "img2.png", "IMG3.png", "img10.png"]
    shuffled = [f"{zeros}{number}.png" for zeros in ("0", "", "000", "00") for number in (10, 9)]
    for name in shuffled:
        save(tmp_path / "ties" / name)
    assert [path.name for path in image_paths(str(tmp_path / "ties"))] == [
        f"{zeros}{number}.png" for number in (9, 10) for zeros in ("000", "00", "0", "")
    ]
    with ImageFiles(tmp_path, fps=Fraction(2)) as source:
        assert [(frame.name, frame.pts * frame.time_base) for frame in source][-1] == (
            "img10",
            Fraction(5, 2),
        )


def test_only_images_directly_in_the_folder_count(tmp_path: Path):
    save(tmp_path / "one.png")
    save(tmp_path / "below" / "two.png")
    save(tmp_path / ".hidden.png")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "folder.png").mkdir()
    assert names_of(tmp_path) == ["one"]


def test_patterns(tmp_path: Path):
    for place in ("monday/cam/img2.png", "monday/cam/img10.png", "tuesday/cam/img2.png", "top.png"):
        save(tmp_path / place)
    (tmp_path / "monday" / "notes.txt").write_text("hello")
    assert names_of(tmp_path / "*" / "cam" / "*.png") == [
        "monday-cam-img2",
        "monday-cam-img10",
        "tuesday-cam-img2",
    ]
    assert names_of(tmp_path / "**" / "*") == [
        "monday-cam-img2", "monday-cam-img10", "top", "tuesday-cam-img2",
    ]  # fmt: skip
    assert names_of(tmp_path / "**" / "**" / "img10.png") == ["monday-cam-img10"]
    assert names_of(tmp_path / "monday" / "cam" / "img[0-9].png") == ["img2"]


def test_patterns_are_relative_to_where_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    save(tmp_path / "a" / "x.png")
    save(tmp_path / "b" / "x.png")
    monkeypatch.chdir(tmp_path / "a")
    assert names_of("*.png") == names_of("./*.png") == names_of("x.png") == names_of(".") == ["x"]
    assert names_of("../*/x.png") == ["a-x", "b-x"]
    assert names_of("../**/*.png") == ["a-x", "b-x"]


def test_no_two_images_have_one_name(tmp_path: Path):
    for place in ("a.png", "a.bmp", "a.png.png", "b.png", "x-y.png", "x/y.png"):
        save(tmp_path / place)
    assert names_of(tmp_path) == ["a.bmp", "a.png", "a.png-2", "b", "x-y"]
    names = dict(zip(image_paths(f"{tmp_path}/**/*"), names_of(f"{tmp_path}/**/*"), strict=True))
    assert len(set(names.values())) == 6
    assert {names[tmp_path / "x-y.png"], names[tmp_path / "x" / "y.png"]} == {"x-y.png", "x-y.png-2"}


def test_unicode_and_spaces(tmp_path: Path):
    save(tmp_path / "ein Bild – 東京 2.png", level=70)
    save(tmp_path / "ein Bild – 東京 10.jpg", level=90)
    _, frames = delivered(tmp_path)
    assert [frame.name for frame in frames] == ["ein Bild – 東京 2", "ein Bild – 東京 10"]
    assert [int(frame.picture.to_ndarray()[0, 0, 0]) for frame in frames] == [70, 90]


def test_a_name_that_looks_like_a_pattern_but_exists_is_a_file(tmp_path: Path):
    path = save(tmp_path / "img[1].png", level=70)
    save(tmp_path / "img1.png", level=90)
    _, frames = delivered(path)
    assert [(frame.name, int(frame.picture.to_ndarray()[0, 0, 0])) for frame in frames] == [("img[1]", 70)]
    folder = tmp_path / "drive [monday]"
    save(folder / "a.png")
    assert names_of(folder) == ["a"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("missing.png", True),
        ("SHOUTED.JPEG", True),
        ("*.mp4", True),
        ("folder", True),
        ("clip.mp4", False),
        ("clip[1].mp4", False),
        ("missing", False),
        ("", False),
    ],
)
def test_is_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, expected: bool):
    (tmp_path / "folder").mkdir()
    (tmp_path / "clip[1].mp4").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    assert is_images(name) is expected


@pytest.mark.parametrize("uri", ["synth://64x48@25?seconds=1", "http://host/a.png", "rtsp://host/[1]"])
def test_addresses_are_no_images(uri: str):
    assert not is_images(uri)


def turned_jpeg(image: np.ndarray, orientation: int) -> bytes:
    """A JPEG with an Exif block that holds its orientation alone (Exif 2.3, 4.6.4: tag 0x0112)."""
    jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    ifd = struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    exif = b"Exif\0\0" + struct.pack("<2sHI", b"II", 42, 8) + ifd
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif + jpeg[2:]


@pytest.mark.parametrize(
    ("orientation", "corners"),  # of an image stored as [[20, 90], [160, 230]]
    [
        (1, [[20, 90], [160, 230]]),
        (3, [[230, 160], [90, 20]]),
        (6, [[160, 20], [230, 90]]),
        (8, [[90, 230], [20, 160]]),
    ],
)
def test_turned_jpegs_are_upright(tmp_path: Path, orientation: int, corners: list[list[int]]):
    quarters = np.kron(np.array([[20, 90], [160, 230]], np.uint8), np.ones((16, 24), np.uint8))
    path = tmp_path / "phone.jpg"
    path.write_bytes(turned_jpeg(cv2.merge([quarters] * 3), orientation))
    with ImageFiles(path) as source:
        image = next(iter(source)).picture.to_ndarray()
    assert (source.width, source.height) == ((32, 48) if orientation in (6, 8) else (48, 32))
    assert image.shape == (source.height, source.width, 3)
    seen = image[[0, 0, -1, -1], [0, -1, 0, -1], 0].reshape(2, 2).astype(int)
    assert np.abs(seen - corners).max() <= 2


def test_depths_and_channels_become_8_bit_colour(tmp_path: Path, camvid: Path):
    file = min((camvid / "val").glob("*.png"))
    image = cv2.imread(str(file))
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    alpha = np.arange(image.shape[0] * image.shape[1], dtype=np.uint8).reshape(grey.shape)
    cases = {
        "deep.png": (image.astype(np.uint16) * 257, image),
        "grey.png": (grey, cv2.merge([grey] * 3)),
        "deep-grey.png": (grey.astype(np.uint16) * 257, cv2.merge([grey] * 3)),
        "grey.pgm": (grey, cv2.merge([grey] * 3)),
        "alpha.png": (np.dstack([image, alpha]), image),
        "image.tiff": (image, image),
        "image.bmp": (image, image),
        "image.ppm": (image, image),
    }
    for name, (stored, expected) in cases.items():
        assert cv2.imwrite(str(tmp_path / name), stored)
        seen = only_image(tmp_path / name)
        assert np.array_equal(seen, expected), name


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (33, 35), (481, 361)])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int]):
    image = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    assert np.array_equal(only_image(tmp_path / "a.png"), image)


def test_mixed_sizes_are_brought_to_the_first(tmp_path: Path):
    for name, size in (("1.png", (8, 6)), ("2.png", (30, 40)), ("3.png", (8, 6)), ("4.png", (5, 3))):
        save(tmp_path / name, size=size, level=int(name[0]) * 40)
    source, frames = delivered(tmp_path)
    assert [(frame.picture.width, frame.picture.height) for frame in frames] == [(8, 6)] * 4
    assert [int(frame.picture.to_ndarray().mean()) for frame in frames] == [40, 80, 120, 160]
    assert [frame.picture.pts for frame in frames] == [0, 1, 2, 3]
    assert source.warnings == [f"{tmp_path}: 2 images of another size than the first; scaled to the first's"]


def test_mixed_sizes_stay_where_nothing_needs_one_size(tmp_path: Path):
    sizes = [(8, 6), (30, 40), (5, 3)]
    for number, size in enumerate(sizes):
        save(tmp_path / f"{number}.png", size=size)
    source, frames = delivered(tmp_path, scaled=False)
    assert [(frame.picture.width, frame.picture.height) for frame in frames] == sizes
    assert source.warnings == []


def test_broken_files_are_passed_over_and_named(tmp_path: Path, camvid: Path):
    whole = [file.read_bytes() for file in sorted((camvid / "val").glob("*.png"))[:2]]
    jpeg = cv2.imencode(".jpg", cv2.imdecode(np.frombuffer(whole[0], np.uint8), cv2.IMREAD_COLOR))[
        1
    ].tobytes()
    contents = [
        b"",
        whole[0],
        b"not an image\n" * 9,
        whole[1][: len(whole[1]) // 2],
        jpeg[: len(jpeg) // 2],
        whole[1],
    ]
    for number, (content, ending) in enumerate(
        zip(contents, ("png", "png", "png", "png", "jpg", "png"), strict=True)
    ):
        (tmp_path / f"{number}.{ending}").write_bytes(content)
    (tmp_path / "6.png").symlink_to(tmp_path / "gone.png")
    with ImageFiles(tmp_path) as source:
        assert (source.width, source.height, source.frame_count) == (480, 360, 7)
        assert [(frame.index, frame.pts, frame.name) for frame in source] == [(0, 1, "1"), (1, 5, "5")]
    assert source.warnings == [
        f"{tmp_path}: 5 images cannot be read; passed over: "
        f"{tmp_path}/0.png, {tmp_path}/2.png, {tmp_path}/3.png and 2 more"
    ]


def test_leaving_early_warns_of_what_was_met(tmp_path: Path):
    (tmp_path / "0.png").write_bytes(b"")
    save(tmp_path / "1.png")
    save(tmp_path / "2.png")
    with ImageFiles(tmp_path) as source:
        frames = iter(source)
        frame = next(frames)
        frames.close()
    assert frame.picture.to_ndarray().any()  # outlives the source
    assert source.warnings == [f"{tmp_path}: 1 images cannot be read; passed over: {tmp_path}/0.png"]
    assert not source.exhausted


def make_bad(kind: str, folder: Path) -> str:
    uri = folder / "a.png"
    if kind in ("empty folder", "no images"):
        uri = folder / "frames"
        uri.mkdir()
    if kind == "no images":
        (uri / "clip.mp4").write_bytes(b"x")
    if kind in ("pattern", "pattern of others"):
        uri = folder / "*.mp4"
    if kind == "pattern of others":
        (folder / "clip.mp4").write_bytes(b"x")
    if kind == "broken":
        uri.write_bytes(b"x")
    if kind == "all broken":
        uri = folder
        for name in ("a.png", "b.jpg"):
            (folder / name).write_bytes(b"x")
    return str(uri)


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("missing", SourceNotFoundError, "no such file"),
        ("empty folder", SourceError, r"there is no image in this folder; looked for \.png \.jpg"),
        ("no images", SourceError, "there is no image in this folder"),
        ("pattern", SourceNotFoundError, r"no image matches this pattern; looked for \.png \.jpg"),
        ("pattern of others", SourceNotFoundError, "no image matches this pattern"),
        ("broken", SourceError, "not an image that can be read"),
        ("all broken", SourceError, "none of its 2 images can be read"),
    ],
)
def test_bad_input_is_one_plain_line(tmp_path: Path, kind: str, error: type, words: str):
    uri = make_bad(kind, tmp_path)
    with pytest.raises(error, match=words) as caught, ImageFiles(uri):
        pass
    message = str(caught.value)
    assert message.startswith(f"{uri}: ")
    assert "\n" not in message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str):
    folder = tmp_path / "frames"
    path = save(folder / "a.png")
    target = path if kind == "file" else folder
    if os.geteuid() == 0:  # root may read everything, so the system's refusal is played

        def refuse(*_args, **_kwargs):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("pathlib.Path.open", refuse)
        monkeypatch.setattr(listing.os, "scandir", refuse)
    else:
        target.chmod(0)
    try:
        with pytest.raises(SourceError, match="cannot be read \\(Permission denied\\)"), ImageFiles(target):
            pass
    finally:
        monkeypatch.undo()
        target.chmod(0o755)

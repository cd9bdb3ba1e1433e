"""Which files a batch is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rtseg.batch.clips import clips_from
from rtseg.errors import InputError, OutputError, SourceError, SourceNotFoundError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def drives(tmp_path: Path) -> Path:
    for name in (
        "monday/a.mp4",
        "monday/b.MOV",
        "tuesday/a.mp4",
        "notes.txt",
        ".hidden.mp4",
        "c.mkv",
        "out/c.mp4",
    ):
        path = tmp_path / "drives" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path / "drives"


def names(*sources: object, out: Path) -> list[str]:
    return [str(clip.name) for clip in clips_from([str(source) for source in sources], out)]


def test_a_folder_is_all_videos_below_it_but_not_the_outputs(drives: Path):
    found = names(drives, out=drives / "out")
    assert sorted(found) == ["c", "monday/a", "monday/b", "tuesday/a"]


def test_files_patterns_and_lists(drives: Path, tmp_path: Path):
    (drives / "list.txt").write_text("# two of them\nmonday/b.MOV\n\nc.mkv\n")
    assert names(drives / "c.mkv", out=tmp_path) == ["c"]
    assert names(drives / "*" / "b.*", out=tmp_path) == ["b"]
    assert names(drives / "list.txt", out=tmp_path) == ["b", "c"]
    assert names(drives / "c.mkv", drives / "list.txt", drives / "c.*", out=tmp_path) == ["c", "b"]


def test_outputs_that_would_collide_are_refused(drives: Path, tmp_path: Path):
    with pytest.raises(OutputError, match=r"monday.a\.mp4 and .*tuesday.a\.mp4.* called a\."):
        names(drives / "*" / "a.mp4", out=tmp_path)
    (drives / "c.mp4").write_bytes(b"x")
    with pytest.raises(OutputError, match="called c"):
        names(drives, out=tmp_path)


@pytest.mark.parametrize(
    ("source", "kind", "words"),
    [
        ("nowhere.mp4", SourceNotFoundError, "no such file"),
        ("*.avi", SourceNotFoundError, "matches"),
        ("empty", SourceError, "no video in this folder"),
        ("empty.txt", SourceError, "the list is empty"),
        ("binary.txt", SourceError, "list of files"),
        ("lost.txt", SourceNotFoundError, "gone.mp4"),
        ("rtsp://camera", SourceError, "rtseg run"),
    ],
)
def test_what_is_not_there_is_said(tmp_path: Path, source: str, kind: type[InputError], words: str):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "lost.txt").write_text("gone.mp4\n")
    place = source if "://" in source else tmp_path / source
    with pytest.raises(kind, match=words) as caught:
        names(place, out=tmp_path / "out")
    assert "\n" not in str(caught.value)

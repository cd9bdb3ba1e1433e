from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rtseg.errors import InputError
from rtseg.sources import is_live, open_live, open_source
from rtseg.sources.camera import Camera
from rtseg.sources.network import NetworkStream

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("uri", "live"),
    [
        ("0", True),
        ("/dev/video0", True),
        ("/dev/v4l/by-id/usb-cam-index0", True),
        ("csi://0", True),
        ("rtsp://cam/x", True),
        ("RTSPS://cam/x", True),
        ("http://cam/x.mjpg", True),
        ("https://cam/x.m3u8", True),
        ("udp://127.0.0.1:5000", True),
        ("clip.mp4", False),
        ("folder", False),
        ("drive/*.png", False),
        ("/dev/stdin", False),
        ("synth://64x48@5", False),
        ("٣", False),
        ("", False),
    ],
)
def test_what_is_live(uri: str, live: bool):
    assert is_live(uri) is live


def test_file_with_a_number_for_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert isinstance(open_source("7"), Camera)
    (tmp_path / "7").touch()
    assert not is_live("7")
    assert not isinstance(open_source("7"), Camera)


def test_live_sources():
    assert isinstance(open_source("rtsp://cam/x"), NetworkStream)
    assert isinstance(open_live("3"), Camera)


def test_what_does_not_fit_together():
    with pytest.raises(InputError, match="--realtime"):
        open_live("clip.mp4")
    with pytest.raises(InputError, match="no stream 1") as caught:
        open_source("rtsp://u:geheim@cam/x", stream=1)
    assert "geheim" not in str(caught.value)
    with pytest.raises(InputError, match="ftp://… is no source"):
        open_source("ftp://u:geheim@cam/x")

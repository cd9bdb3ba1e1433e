"""Cameras through a stand-in for the hardware; what the kernel says to those who ask wrongly, for real."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import tempfile
import termios
import threading
import time
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rtseg.errors import InputError, SourceError, SourceFault, SourceNotFoundError
from rtseg.sources.camera import Camera
from rtseg.sources.connection import ConnectionLost
from rtseg.sources.csi import has_gstreamer, pipeline_for
from rtseg.sources.live import LiveOptions
from rtseg.sources.refusal import Refusal
from rtseg.sources.v4l2 import check_device, fourcc_from_letters, letters_from_fourcc, refusal_from_errno

pytestmark = pytest.mark.live

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rtseg.frame import Frame

NOBODY = 65_534
PERIOD_S = 0.02


class Bench:
    """The cameras plugged in: one, which fails as told.

    Attributes:
        plugged: whether it is there.
        lost: numbers of the pictures that never arrive.
        unreadable: numbers of the pictures that cannot be read.
        opened: how often it was opened.
    """

    def __init__(
        self, size: tuple[int, int] = (64, 48), fps: float = 50.0, pixel_format: str = "MJPG"
    ) -> None:
        self.size, self.fps, self.pixel_format = size, fps, pixel_format
        self.plugged = True
        self.silent = False
        self.lost: set[int] = set()
        self.unreadable: set[int] = set()
        self.opened = 0
        self.asked: list[tuple[str, LiveOptions]] = []

    def open(self, device: str, options: LiveOptions) -> BenchCamera:
        self.asked.append((device, options))
        if not self.plugged:
            raise ConnectionLost(Refusal("there is no such camera", "Plug one in.", SourceNotFoundError))
        self.opened += 1
        return BenchCamera(self)


class BenchCamera:
    driver = "bench"

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.size, self.fps, self.pixel_format = bench.size, bench.fps, bench.pixel_format
        self._next = 0
        self._due = time.monotonic()
        self.closed = False

    def wait(self, seconds: float) -> bool:
        if not self._bench.plugged:
            raise OSError(errno.ENODEV, "gone")
        while self._next in self._bench.lost:
            self._next, self._due = self._next + 1, self._due + PERIOD_S
        left = self._due - time.monotonic()
        if self._bench.silent or left > seconds:
            time.sleep(seconds)
            return False
        time.sleep(max(0.0, left))
        return True

    def read(self) -> tuple[NDArray[np.uint8], int | None] | None:
        number, self._next, self._due = self._next, self._next + 1, self._due + PERIOD_S
        if number in self._bench.unreadable:
            return None
        width, height = self.size
        return np.full((height, width, 3), (number % 256, 10, 20), np.uint8), round(number * PERIOD_S * 1e6)

    def close(self) -> None:
        self.closed = True


def camera(bench: Bench, uri: str = "0", **options: object) -> Camera:
    return Camera(uri, LiveOptions(**{"open_timeout_s": 0.5, "read_timeout_s": 0.5, **options}), bench.open)


def take(source: Camera, frames: int) -> list[Frame]:
    taken = []
    for frame in source:
        taken.append(frame)
        if len(taken) == frames:
            source.stop()
    return taken


def test_pictures_of_a_camera():
    bench = Bench()
    with camera(bench) as source:
        assert (source.width, source.height, source.fps, source.uri) == (64, 48, Fraction(50), "0")
        frames = take(source, 20)
    assert bench.asked[0][0] == "/dev/video0"
    assert [frame.index for frame in frames] == list(range(20))
    assert frames[0].picture.format.name == "bgr24"
    blue = [int(frame.picture.to_ndarray()[0, 0, 0]) for frame in frames]
    assert blue == list(range(blue[0], blue[0] + 20))
    facts = source.facts()
    assert (facts["camera_size"], facts["camera_fps"], facts["camera_format"]) == ([64, 48], 50, "MJPG")
    assert facts["driver"] == "bench"
    assert source.warnings == []
    assert source.losses == {}


def test_what_is_given_otherwise_than_asked_for():
    bench = Bench(pixel_format="YUYV")
    asked = {"camera_size": (1280, 720), "camera_fps": 60.0, "camera_format": "MJPG"}
    with camera(bench, "/dev/video7", **asked) as source:
        take(source, 3)
    assert bench.asked == [("/dev/video7", source._options)]
    assert source.warnings == [
        "/dev/video7: the camera gives 64x48 instead of 1280x720",
        "/dev/video7: the camera gives 50 fps instead of 60",
        "/dev/video7: the camera gives YUYV instead of MJPG",
    ]
    exact = {"camera_size": (64, 48), "camera_fps": 50.0, "camera_format": "yuyv"}
    with camera(bench, **exact) as source:
        take(source, 1)
    assert source.warnings == []


def test_old_pictures_are_passed_over():
    bench = Bench()
    with camera(bench) as source:
        time.sleep(0.5)
        take(source, 1)
    assert source.facts()["passed_over_at_start"] > 0


def test_unplugged_and_back():
    bench = Bench()

    def plug(plugged: bool) -> None:
        bench.plugged = plugged

    with camera(bench) as source:
        timers = [threading.Timer(0.3, plug, (False,)), threading.Timer(0.6, plug, (True,))]
        for timer in timers:
            timer.start()
        threading.Timer(2, source.stop).start()
        frames = take(source, 60)
        for timer in timers:
            timer.join()
    facts = source.facts()
    assert (bench.opened, facts["outages"]) == (2, 1)
    assert facts["outage_reasons"] == {"the camera is gone": 1}
    assert 0.3 < facts["seconds_without_picture"] < 1.5
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert "the camera is gone" in source.warnings[0]


def test_camera_that_falls_silent():
    bench = Bench()
    with camera(bench, give_up_s=0.7) as source:
        bench.silent = True
        with pytest.raises(SourceFault, match=r"no picture came within 0\.7 s"):
            take(source, 5)


def test_camera_that_never_gives_a_picture():
    bench = Bench()
    bench.silent = True
    begun = time.monotonic()
    with pytest.raises(SourceError, match=r"no picture for 0\.5 s"):
        camera(bench).__enter__()
    assert time.monotonic() - begun < 1.5


def test_lost_pictures_are_counted():
    bench = Bench()
    bench.lost = {30, 31}
    bench.unreadable = {45}
    with camera(bench) as source:
        take(source, 60)
    assert source.losses == {"source gap": 3}


def test_malformed_names_and_formats():
    with pytest.raises(SourceError, match="CSI"):
        Camera("csi://left")
    with pytest.raises(SourceError, match="Four letters"):
        Camera("0", LiveOptions(camera_format="MJPEG"))


def refusal_of(device: str) -> Refusal:
    with pytest.raises(ConnectionLost) as caught:
        check_device(device)
    return caught.value.refusal


@contextmanager
def as_nobody() -> Iterator[None]:
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)
    else:
        yield


def test_camera_that_is_not_there():
    with pytest.raises(SourceNotFoundError, match="no such camera") as caught:
        Camera("97").__enter__()
    assert caught.value.exit_code == 2
    assert "There are: /dev/video" in str(caught.value) or "no camera (no /dev/video*)" in str(caught.value)


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev", __file__])
def test_what_is_not_a_camera(device: str):
    assert refusal_of(device).what == "not a camera"


def test_no_permission():
    # Not tmp_path: nobody else may look into that.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        node = Path(folder) / "video0"
        node.touch(mode=0o600 if os.geteuid() == 0 else 0)
        with as_nobody():
            refusal = refusal_of(str(node))
    assert refusal.what == "no permission to use it"
    assert "sudo usermod -aG video $USER" in refusal.advice
    assert "log in again" in refusal.advice


def test_group_of_the_device_is_named(tmp_path: Path):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to another group")
    import grp

    node = tmp_path / "video0"
    node.touch()
    os.chown(node, 0, grp.getgrnam("audio").gr_gid)
    node.chmod(0o660)
    assert "usermod -aG audio" in refusal_from_errno(str(node), errno.EACCES).advice


def test_busy_device():
    # A terminal for exclusive use answers as a camera does that another program has.
    main, side = pty.openpty()
    try:
        Path(os.ttyname(side)).chmod(0o666)
        fcntl.ioctl(side, termios.TIOCEXCL)
        name = os.ttyname(side)
        with as_nobody():
            refusal = refusal_of(name)
    finally:
        os.close(main)
        os.close(side)
    assert refusal.what == "another program is using it"
    assert f"fuser -v {name}" in refusal.advice


def test_formats_by_their_letters():
    import cv2

    assert fourcc_from_letters("mjpg") == cv2.VideoWriter.fourcc(*"MJPG")
    assert letters_from_fourcc(cv2.VideoWriter.fourcc(*"YUYV")) == "YUYV"
    assert letters_from_fourcc(0) == ""
    assert letters_from_fourcc(-1) != ""


def test_csi_pipeline():
    line = pipeline_for(1, LiveOptions(camera_size=(1920, 1080), camera_fps=30))
    assert "sensor-id=1" in line
    assert "width=1920, height=1080, framerate=30/1" in line
    assert line.endswith("appsink drop=true max-buffers=1 sync=false")
    assert "framerate=30000/1001" in pipeline_for(0, LiveOptions(camera_fps=29.97))


@pytest.mark.skipif(has_gstreamer(), reason="this OpenCV has GStreamer, so there is nothing to install")
def test_csi_without_gstreamer():
    with pytest.raises(InputError, match="python3-opencv") as caught:
        Camera("csi://0").__enter__()
    assert "--system-site-packages" in str(caught.value)


def test_opencv_says_nothing_on_the_terminal(capfd: pytest.CaptureFixture[str]):
    with pytest.raises(InputError):
        Camera("97").__enter__()
    from rtseg.sources.v4l2 import open_v4l2

    with pytest.raises(ConnectionLost):
        open_v4l2("/dev/null", LiveOptions())
    assert capfd.readouterr().err == ""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from rtseg.classes import CAMVID
from rtseg.sources.drive import number_from_strip

pytestmark = pytest.mark.live

HEIGHT, WIDTH = 800, 1280


@pytest.fixture(scope="module")
def display(tmp_path_factory) -> str:
    """A display that nobody sees, of 1280×800; its picture is a file that X itself keeps up to date."""
    if shutil.which("Xvfb") is None or shutil.which("xdotool") is None:
        pytest.skip("needs Xvfb and xdotool (Debian packages xvfb, xdotool)")
    folder = tmp_path_factory.mktemp("screen")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp"]
    server = subprocess.Popen([*command, "-fbdir", str(folder)], pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as pipe:
        name = f":{pipe.readline().strip()}"
    os.environ["RTSEG_TEST_SCREEN"] = str(folder / "Xvfb_screen0")
    yield name
    server.terminate()
    server.wait()


def screen() -> np.ndarray:
    """What is on the display: BGR, from the XWD file that Xvfb maps."""
    data = Path(os.environ["RTSEG_TEST_SCREEN"]).read_bytes()
    header = int.from_bytes(data[:4], "big")
    colours = int.from_bytes(data[76:80], "big")
    pixels = np.frombuffer(data, np.uint8, HEIGHT * WIDTH * 4, header + 12 * colours)
    return pixels.reshape(HEIGHT, WIDTH, 4)[..., :3].copy()


class Child:
    """A process with a window, and what it tells."""

    def __init__(self, display: str, folder: Path, size: tuple[int, int] = (320, 180)) -> None:
        self.environment = {**os.environ, "DISPLAY": display}
        arguments = [sys.executable, "-m", "tests.window.child", "60", str(folder), *map(str, size)]
        self.process = subprocess.Popen(
            arguments, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.state = self.told()

    def told(self) -> dict:
        """The next thing that it tells."""
        return json.loads(self.process.stdout.readline())

    def xdotool(self, *arguments: str) -> str:
        done = subprocess.run(
            ["xdotool", *arguments], env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def press(self, key: str) -> dict:
        """Press a key that changes something, and wait for what is told."""
        self.xdotool("key", key)
        self.state = self.told()
        return self.state

    def window(self) -> str:
        """Its window, focused: there is no window manager to do that."""
        number = self.xdotool("search", "--sync", "--name", "^rtseg$").split()[-1]
        self.xdotool("windowfocus", "--sync", number)
        return number

    def end(self) -> tuple[dict, str]:
        out, err = self.process.communicate(timeout=10)
        assert self.process.returncode == 0
        return json.loads(out.splitlines()[-1]), err


@pytest.fixture
def child(display, tmp_path):
    child = Child(display, tmp_path)
    yield child
    child.process.kill()
    child.process.communicate()


def until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_keys_change_what_is_shown(child: Child, tmp_path: Path):
    number = child.window()
    time.sleep(0.5)
    before = screen()
    assert before[:600].std() > 20
    assert child.press("plus")["opacity"] == 0.6
    assert child.press("minus")["opacity"] == 0.5
    assert child.press("v")["view"] == "mask"
    assert child.press("v")["view"] == "overlay"
    assert child.press("l")["legend"]
    assert child.press("m")["mark_stale"]
    assert child.press("4")["only"] == sorted(set(CAMVID.names) - {"road"})
    assert child.press("a")["only"] == sorted(set(CAMVID.names) - {"road", "bicyclist"})
    assert child.press("r")["only"] is None
    assert child.press("space")["paused"]
    child.xdotool("key", "h")
    time.sleep(0.5)
    helped = screen()
    cv2.imwrite(str(tmp_path / "help.png"), helped)
    assert helped[300:400, 500:800].mean() < 90  # the panel
    child.xdotool("windowsize", "--sync", number, "640", "400")
    time.sleep(0.6)
    small = screen()
    cv2.imwrite(str(tmp_path / "small.png"), small)
    assert small[430:].max() == small[:, 670:].max() == 0  # the pointer is at its corner
    strip = small[380:400, :640].astype(int)
    assert (strip.max(axis=2) > 200).sum() > 150  # text
    child.xdotool("key", "q")
    last, complaints = child.end()
    assert last["quit"]
    assert complaints == ""


def test_pause_stands_while_the_pipeline_goes_on(child: Child):
    child.window()
    child.press("space")

    def stands() -> bool:
        before = screen()[:700]
        time.sleep(0.4)
        return np.array_equal(before, screen()[:700])

    until(stands)
    standing = screen()[:700]
    assert child.press("v")["view"] == "mask"  # the one that stands is painted again
    until(lambda: not np.array_equal(standing, screen()[:700]))
    child.press("space")
    child.xdotool("key", "Escape")
    assert child.end()[0]["quit"]


def test_snapshots_never_overwrite(child: Child, tmp_path: Path):
    (tmp_path / "rtseg-0001.png").write_bytes(b"mine")
    (tmp_path / "rtseg-0002-labels.png").write_bytes(b"mine too")
    child.window()
    time.sleep(0.3)
    child.xdotool("key", "s")
    until((tmp_path / "rtseg-0003-labels.png").exists)
    child.xdotool("key", "s")
    until((tmp_path / "rtseg-0004-labels.png").exists)
    assert (tmp_path / "rtseg-0001.png").read_bytes() == b"mine"
    assert not (tmp_path / "rtseg-0002.png").exists()
    child.xdotool("key", "q")
    child.end()
    picture = cv2.imread(str(tmp_path / "rtseg-0003.png"))
    ids = cv2.imread(str(tmp_path / "rtseg-0003-labels.png"), cv2.IMREAD_UNCHANGED)
    assert picture.shape == (180, 320, 3)
    assert number_from_strip(picture) is not None
    assert (ids.shape, ids.dtype) == ((180, 320), np.uint8)
    assert set(np.unique(ids)) <= set(range(len(CAMVID)))


def test_the_close_button_quits(child: Child):
    command = [sys.executable, "-m", "tests.window.close_button", child.window()]
    subprocess.run(command, env=child.environment, check=True)
    assert child.end()[0]["quit"]


def open_display_in_child(before: str = "", **environment: str) -> str:
    """What opening the display says, in a process with such an environment."""
    code = f"""
{before}
from rtseg.errors import OutputError
from rtseg.window.display import open_display
try:
    open_display()
except OutputError as error:
    print(error)
"""
    clean = {key: value for key, value in os.environ.items() if "DISPLAY" not in key}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**clean, **environment}, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.strip()


def test_without_a_display_it_says_so():
    said = open_display_in_child()
    assert said.startswith("--window: there is no display here")
    assert "leave --window out" in said


def test_a_display_that_does_not_answer():
    assert open_display_in_child(DISPLAY=":9876").startswith("--window: the display :9876 cannot be used")


def test_an_opencv_without_windows():
    before = "import cv2; cv2.getBuildInformation = lambda: '  GUI:                           NONE'"
    said = open_display_in_child(before, DISPLAY=":0")
    assert "opencv-python-headless" in said


def test_importing_a_display_first_brings_no_av(display):
    assert open_display_in_child("", DISPLAY=display) == ""
    code = "import sys, rtseg.window.display; print('av' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_latest_picture_is_kept():
    from rtseg.window.latest import LatestPicture
    from tests.sinks.live import painted

    with LatestPicture() as latest:
        assert latest.painted is None
        for index in (0, 1):
            item = painted(index, index)
            latest.write(item)
            assert latest.painted is item
    assert latest.end_segment() == {}


def test_a_run_is_shown_and_q_ends_it_as_wished(display, tmp_path):
    command = [
        sys.executable,
        "-m",
        "rtseg",
        "run",
        "synth://320x240@10?seconds=60",
        "--realtime",
        "--window",
    ]
    command += ["--backend", "simulated:5", "--latency", "300", "--report", str(tmp_path / "run.json")]
    environment = {**os.environ, "DISPLAY": display}
    find = ["xdotool", "search", "--onlyvisible", "--name", "^rtseg$"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as run:
        time.sleep(6)  # the display is tried by a window that comes and goes

        def quits() -> bool:
            found = subprocess.run(find, env=environment, capture_output=True, text=True, check=False).stdout
            for window in found.split():
                press = ["xdotool", "windowfocus", window, "key", "q"]
                subprocess.run(press, env=environment, capture_output=True, check=False)
            return run.poll() is not None

        until(quits)
        _, text = run.communicate(timeout=30)
    assert run.returncode == 0, text
    frames = json.loads((tmp_path / "run.json").read_text())["frames"]
    assert frames["fresh"] > 5


def test_without_a_display_it_says_so_before_anything_starts():
    environment = {
        key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")
    }
    done = subprocess.run(
        [sys.executable, "-m", "rtseg", "run", "synth://320x240@10", "--realtime", "--window"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "there is no display here" in done.stderr

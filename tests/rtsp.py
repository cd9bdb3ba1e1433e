"""The RTSP server of the tests (`tests/rtsp_server.py`) as an object, and the clips that it plays."""

from __future__ import annotations

import subprocess
import threading
import time
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2

from rtseg.picture import plane_view
from rtseg.sources.drive import number_from_strip, picture_from_rgb, render

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rtseg.sources.live import LiveSource

FPS = 30
FRAMES = 150
SIZE = (320, 240)
SMALL = (240, 180)
NEEDS = "gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good"
_PYTHON = "/usr/bin/python3"
_PROBE = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
_KEY_INTERVAL = 15


@cache
def why_no_server() -> str | None:
    """What is missing for an RTSP server on this machine; None if nothing."""
    try:
        subprocess.run([_PYTHON, "-c", _PROBE], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return f"needs Debian's RTSP server: apt-get install {NEEDS}"
    return None


def images_of(size: tuple[int, int], frames: int = FRAMES) -> list[NDArray[np.uint8]]:
    """Frames of the synthetic drive, RGB, with their numbers in the strip; every fifth is rendered anew."""
    from rtseg.sources.drive.strip import paint_strip

    images = []
    for index in range(frames):
        if index % 5 == 0:
            rendered, labels = render(*size, Fraction(FPS), 0, index)
        image = rendered.copy()
        paint_strip(image, labels.copy(), index)
        images.append(image)
    return images


def h264_of(images: list[NDArray[np.uint8]], *, slices: int = 1) -> list[bytes]:
    """One access unit a frame, Annex B, parameter sets before each key frame, no B frames."""
    height, width = images[0].shape[:2]
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, FPS)
    encoder.framerate = Fraction(FPS)
    encoder.gop_size = _KEY_INTERVAL
    encoder.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "crf": "26",
        "x264-params": f"sliced-threads=0:slices={slices}",
    }
    units = []
    for index, image in enumerate(images):
        picture = picture_from_rgb(image)
        picture.pts, picture.time_base = index, Fraction(1, FPS)
        units += [bytes(packet) for packet in encoder.encode(picture)]
    units += [bytes(packet) for packet in encoder.encode(None)]
    assert len(units) == len(images)
    return units


def jpegs_of(images: list[NDArray[np.uint8]]) -> list[bytes]:
    """One JPEG a frame."""
    return [
        cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
        for image in images
    ]


def write_clip(path: Path, units: list[bytes]) -> Path:
    """Write a clip as `tests/rtsp_server.py` reads it."""
    path.write_bytes(b"".join(len(unit).to_bytes(4, "big") + unit for unit in units))
    return path


def read_clip(path: Path) -> list[bytes]:
    """The frames of a clip."""
    data, units, at = path.read_bytes(), [], 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        units.append(data[at + 4 : end])
        at = end
    return units


def number_of(picture: av.VideoFrame) -> int | None:
    """The number in the strip of a picture of the drive, planar YUV; None where it cannot be read."""
    return number_from_strip(plane_view(picture, 0))


class RtspServer:
    """A server process, its address, and its faults on request.

    Attributes:
        url: what to connect to, without user and password.
        port: TCP, on 127.0.0.1; the same after `restart`.
    """

    def __init__(
        self,
        clips: dict[tuple[int, int], Path],
        *,
        codec: str = "h264",
        user: str | None = None,
        password: str | None = None,
        log: Path | None = None,
    ) -> None:
        """Start it: `clips` by (width, height), the first is played."""
        self._log = log
        self._arguments = [f"--codec={codec}", f"--fps={FPS}"]
        if user is not None:
            self._arguments += [f"--user={user}", f"--password={password}"]
        if log is not None:
            self._arguments.append(f"--log={log}")
        self._arguments += [f"{width}x{height}={path}" for (width, height), path in clips.items()]
        self.port = 0
        self._start()

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/drive"

    def url_for(self, user_info: str) -> str:
        """The address with user and password, as they are to stand in it."""
        return f"rtsp://{user_info}@127.0.0.1:{self.port}/drive"

    def kill(self) -> None:
        """End the process at once, as a power cut does. Twice is as once."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def restart(self) -> None:
        """Start it anew at the same port, after `kill`."""
        self._start()

    def freeze(self, seconds: float) -> None:
        """Let it send nothing for so long, then go on where it was."""
        self._tell(f"freeze {seconds}")

    def resize(self, width: int, height: int) -> None:
        """Change to pictures of another size, one of the clips'."""
        self._tell(f"resize {width}x{height}")

    def corrupt(self, seconds: float) -> None:
        """Spoil the data of all frames for so long."""
        self._tell(f"corrupt {seconds}")

    def lose(self, share: float) -> None:
        """Leave out this share of the RTP packets, 0 to 1, from now on."""
        self._tell(f"lose {share}")

    def pushed(self) -> list[tuple[int, int]]:
        """Number and instant (monotonic, nanoseconds) of each frame pushed; needs a log."""
        assert self._log is not None
        lines = self._log.read_text().splitlines(keepends=True)
        pairs = [line.split() for line in lines if line.endswith("\n")]
        return [(int(number), int(instant_ns)) for number, instant_ns in pairs]

    def _start(self) -> None:
        script = Path(__file__).with_name("rtsp_server.py")
        self._process = subprocess.Popen(
            [_PYTHON, str(script), f"--port={self.port}", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def _tell(self, order: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()


class Watch:
    """A live source watched for some seconds, in the calling thread, while things happen to it.

    Attributes:
        numbers: from the strips, None where unreadable.
        captured_ns: when each was captured.
        pts: of each.
        sizes: (width, height) of the pictures.
        seconds: from the beginning of the iteration to its end.
    """

    def __init__(
        self, source: LiveSource, seconds: float, happens: Sequence[tuple[float, Callable[[], Any]]] = ()
    ) -> None:
        """Iterate an entered source and stop it after so many seconds; `happens` at the seconds given."""
        self.numbers: list[int | None] = []
        self.captured_ns: list[int] = []
        self.pts: list[int] = []
        self.sizes: set[tuple[int, int]] = set()
        timers = [threading.Timer(after, action) for after, action in (*happens, (seconds, source.stop))]
        begun = time.monotonic()
        for timer in timers:
            timer.start()
        try:
            for index, frame in enumerate(source):
                assert frame.index == index
                self.numbers.append(number_of(frame.picture))
                self.captured_ns.append(frame.captured_ns)
                self.pts.append(frame.pts)
                self.sizes.add((frame.picture.width, frame.picture.height))
        finally:
            self.seconds = time.monotonic() - begun
            for timer in timers:
                timer.cancel()
                timer.join()

    @property
    def longest_gap_s(self) -> float:
        """The longest time between two frames."""
        return max((b - a) / 1e9 for a, b in pairwise(self.captured_ns))

    def ages_ms(self, pushed: list[tuple[int, int]]) -> list[float]:
        """How long before its capture each readable frame was pushed by the server."""
        instants: dict[int, list[int]] = {}
        for number, instant_ns in pushed:
            instants.setdefault(number, []).append(instant_ns)
        return [
            min(
                (captured_ns - instant_ns) / 1e6
                for instant_ns in instants[number]
                if instant_ns <= captured_ns
            )
            for number, captured_ns in zip(self.numbers, self.captured_ns, strict=True)
            if number is not None
        ]

"""Shows the card on the screen, or streams it: python -m rtseg.latency.sender TARGET WIDTHxHEIGHT FPS.

TARGET is `screen` or an address such as rtsp://127.0.0.1:8554/card. It runs until it is ended.
"""

from __future__ import annotations

import sys
import time
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import cv2

from rtseg.latency.card import Card
from rtseg.pipeline.clock import NS_PER_S
from rtseg.pipeline.rules import sleep_until

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORMATS = {"rtsp": "rtsp", "udp": "mpegts", "srt": "mpegts", "tcp": "mpegts", "rtmp": "flv"}
_CONNECT_S = 20


def main() -> None:
    """Send until ended."""
    target, size, rate = sys.argv[1:4]
    width, height = map(int, size.split("x"))
    fps = Fraction(rate)
    card = Card(width, height, fps, marks=target == "screen")
    if target == "screen":
        _show(card, fps)
    else:
        _stream(card, fps, target, width, height)


def _ticks(fps: Fraction) -> Iterator[int]:
    """Frame numbers, each at its instant."""
    begun_ns, number = time.monotonic_ns(), 0
    while True:
        sleep_until(begun_ns + round(number * NS_PER_S / fps))
        yield number
        number += 1


def _show(card: Card, fps: Fraction) -> None:
    window = "rtseg latency"
    cv2.namedWindow(window, cv2.WINDOW_NORMAL)
    cv2.setWindowProperty(window, cv2.WND_PROP_FULLSCREEN, cv2.WINDOW_FULLSCREEN)
    for _ in _ticks(fps):
        cv2.imshow(window, card.at(time.monotonic_ns())[..., ::-1])
        if cv2.waitKey(1) in (27, ord("q")):
            return


def _stream(card: Card, fps: Fraction, target: str, width: int, height: int) -> None:
    container = _connected(target)
    stream = container.add_stream(
        "libx264",
        rate=fps,
        options={"preset": "ultrafast", "tune": "zerolatency", "x264-params": "repeat-headers=1"},
    )
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.codec_context.gop_size = max(1, round(fps))
    for number in _ticks(fps):
        picture = av.VideoFrame.from_ndarray(card.at(time.monotonic_ns()), format="rgb24")
        picture.pts, picture.time_base = number, 1 / fps
        container.mux(stream.encode(picture))


def _connected(target: str) -> av.container.OutputContainer:
    """Open the target; whoever listens there may need a while to begin."""
    end = time.monotonic() + _CONNECT_S
    while True:
        try:
            container = av.open(
                target,
                "w",
                format=_FORMATS[target.partition("://")[0]],
                options={"rtsp_transport": "tcp"} if target.startswith("rtsp") else {},
            )
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return container


if __name__ == "__main__":
    main()

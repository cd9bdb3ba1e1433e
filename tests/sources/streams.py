"""Servers and senders of streams for the tests, all on loopback."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import av

from tests.rtsp import FPS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BOUNDARY = "frame"


@contextmanager
def silent_server() -> Iterator[int]:
    """Accepts connections and says nothing; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port at which nobody listens."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def http_server(jpegs: list[bytes], film: Path) -> Iterator[str]:
    """MJPEG at /live, 40 frames and an end at /short, `film` at /film, text at /text; else a status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path in ("/live", "/short"):
                self.send_response(200)
                self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
                self.end_headers()
                self._play(len(jpegs) if path == "/live" else 40)
            elif path == "/film":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(film.read_bytes())
            elif path == "/text":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"Nothing to see here. " * 500)
            else:
                self.send_response(int(path[1:]))
                self.send_header("Content-Length", "0")
                self.end_headers()

        def _play(self, frames: int) -> None:
            due = time.monotonic()
            for jpeg in jpegs[:frames]:
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                try:
                    self.wfile.write(head.encode() + jpeg + b"\r\n")
                except OSError:
                    return
                due += 1 / FPS
                time.sleep(max(0.0, due - time.monotonic()))

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def ts_sender(url: str, units: list[bytes]) -> Iterator[None]:
    """Sends H.264 in a transport stream over UDP, live, over and over."""
    ended = threading.Event()

    def send() -> None:
        with av.open(f"{url}?pkt_size=1316", "w", format="mpegts", options={"flush_packets": "1"}) as out:
            stream = out.add_stream("libx264", rate=FPS)
            stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
            index, due = 0, time.monotonic()
            while not ended.is_set():
                packet = av.Packet(units[index % len(units)])
                packet.stream, packet.time_base = stream, Fraction(1, FPS)
                packet.pts = packet.dts = index
                out.mux(packet)
                index, due = index + 1, due + 1 / FPS
                ended.wait(max(0.0, due - time.monotonic()))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()

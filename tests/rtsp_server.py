"""A real RTSP server (GStreamer's) that plays clips of pre-encoded frames, and can misbehave on request.

Run by Debian's Python, which has GStreamer's bindings, as a process of its own; `tests/rtsp.py` does that. A
clip is a file of frames, each as 4 bytes of length (big end first) and its data; it is played over and over.
The first line on standard output is the port. Commands come a line each on standard input:

    freeze S      push nothing for S seconds, then go on where it was
    corrupt S     spoil bytes of every frame for S seconds
    resize WxH    play the clip of that size from now on
    lose SHARE    leave out that share of all RTP packets, until told otherwise

It ends when its standard input does. With --log, a line "NUMBER NANOSECONDS" (monotonic clock) is written for
each frame as it is pushed.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import threading
import time
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

CAPS = {
    "h264": "video/x-h264,stream-format=byte-stream,alignment=au",
    "mjpeg": "image/jpeg,width={width},height={height},framerate={fps}/1",
}
PAYLOADERS = {"h264": "rtph264pay config-interval=-1", "mjpeg": "rtpjpegpay"}
ROLE = "viewer"
HEAD_BYTES = 48  # left alone when a frame is spoiled, so that it is still taken for a frame
START_CODE = b"\x00\x00\x00\x01"


def read_clip(path: str) -> list[bytes]:
    data, frames, at = Path(path).read_bytes(), [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        frames.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    return frames


class Player:
    """Pushes the frames at their times, from a thread, to whatever pipeline the server has made last."""

    def __init__(self, clips: dict[str, list[bytes]], fps: int, log: str | None) -> None:
        self._clips = clips
        self._frames = next(iter(clips.values()))
        self._fps = fps
        self._log = Path(log).open("a", buffering=1) if log else None  # noqa: SIM115
        self._appsrc = None
        self._frozen_until = self._corrupt_until = 0.0
        self._share_lost = 0.0
        self._dice = random.Random(0)
        self._next = 0

    def configure(self, _factory, media) -> None:
        element = media.get_element()
        self._appsrc = element.get_by_name_recurse_up("src") or element.get_by_name("src")
        pad = element.get_by_name("pay0").get_static_pad("src")
        pad.add_probe(Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST, self._lose)

    def _lose(self, _pad, info):
        if not self._share_lost:
            return Gst.PadProbeReturn.OK
        if info.type & Gst.PadProbeType.BUFFER_LIST:
            packets = info.get_buffer_list()
            kept = [
                packets.get(k) for k in range(packets.length()) if self._dice.random() >= self._share_lost
            ]
            pad = _pad.get_peer()
            for packet in kept:
                pad.chain(packet.copy())
            return Gst.PadProbeReturn.DROP
        lost = self._dice.random() < self._share_lost
        return Gst.PadProbeReturn.DROP if lost else Gst.PadProbeReturn.OK

    def obey(self, line: str) -> None:
        order, _, value = line.strip().partition(" ")
        if order == "freeze":
            self._frozen_until = time.monotonic() + float(value)
        elif order == "corrupt":
            self._corrupt_until = time.monotonic() + float(value)
        elif order == "resize":
            self._frames, self._next = self._clips[value], 0
        elif order == "lose":
            self._share_lost = float(value)
        else:
            raise ValueError(order)

    def run(self) -> None:
        due = time.monotonic()
        while True:
            due += 1 / self._fps
            time.sleep(max(0.0, due - time.monotonic()))
            if self._is_playing() and time.monotonic() >= self._frozen_until:
                number = self._next % len(self._frames)
                self._next += 1
                self._push(number, self._frames[number])

    def _is_playing(self) -> bool:
        # Before it has a base time, a frame would be stamped with the hours since the machine was started,
        # and the pipeline would wait as long before it sends it.
        return self._appsrc is not None and self._appsrc.get_base_time() > 0

    def _push(self, number: int, data: bytes) -> None:
        if time.monotonic() < self._corrupt_until:
            data = self._spoil(data)
        if self._log:
            self._log.write(f"{number} {time.monotonic_ns()}\n")
        self._appsrc.emit("push-buffer", Gst.Buffer.new_wrapped(data))

    def _spoil(self, data: bytes) -> bytes:
        spoiled = bytearray(data)
        begin = max(data.rfind(START_CODE), data.rfind(START_CODE[1:]), 0) + HEAD_BYTES
        for _ in range(max(0, len(data) - begin) // 40):
            spoiled[self._dice.randrange(begin, len(data))] = self._dice.randrange(1, 256)
        return bytes(spoiled)


def protect(server, factory, user: str, password: str) -> None:
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, ROLE)
    auth = GstRtspServer.RTSPAuth()
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_role(ROLE)
    for permission in ("media.factory.access", "media.factory.construct"):
        permissions.add_permission_for_role(ROLE, permission, True)
    factory.set_permissions(permissions)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", default="0")
    parser.add_argument("--codec", choices=CAPS, default="h264")
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--log")
    parser.add_argument("clips", nargs="+", metavar="WxH=FILE")
    options = parser.parse_args()
    Gst.init(None)
    clips = {size: read_clip(path) for size, _, path in (clip.partition("=") for clip in options.clips)}
    width, _, height = next(iter(clips)).partition("x")
    caps = CAPS[options.codec].format(width=width, height=height, fps=options.fps)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f'( appsrc name=src is-live=true do-timestamp=true format=time caps="{caps}" '
        f"! {PAYLOADERS[options.codec]} name=pay0 pt={26 if options.codec == 'mjpeg' else 96} )"
    )
    factory.set_shared(True)
    factory.set_latency(0)
    player = Player(clips, options.fps, options.log)
    factory.connect("media-configure", player.configure)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    if options.user:
        protect(server, factory, options.user, options.password)
    server.get_mount_points().add_factory("/drive", factory)
    if not server.attach(None):
        sys.exit("cannot listen")
    print(server.get_bound_port(), flush=True)  # noqa: T201
    threading.Thread(target=player.run, daemon=True).start()
    threading.Thread(target=listen, args=(player,), daemon=True).start()
    GLib.MainLoop().run()


def listen(player: Player) -> None:
    for line in sys.stdin:
        player.obey(line)
    os._exit(0)  # whoever started it is gone


main()

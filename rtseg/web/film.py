"""The picture as a film for WebRTC: H.264, encoded once for all who watch it.

Below each picture stand its number's bits as light and dark blocks (as below the synthetic drive), which the
page reads and cuts off: a film has no place for a number that browsers would hand on, and without it nobody
knows which labels belong to a picture.
"""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from rtseg.picture import plane_view
from rtseg.sources.drive.strip import BLOCKS, DARK, LIGHT, bits_of
from rtseg.web.packet import MOST_WIDE

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from rtseg.web.packet import Shown
    from rtseg.web.shelf import Shelf

STRIP_PX = 16
"""Height of the strip. It cannot be read below a picture narrower than 304 pixels, which comes as JPEGs."""

CLOCK = Fraction(1, 90000)
"""Of video over RTP."""

CRF, MOST_KBITS, KEY_EVERY = 24, 8000, 120
"""Quality on x264's scale, the most a second, and frames between two that can be begun with."""

MOST_BEHIND = 60
"""Packets that may wait for a track, before it has to begin anew with a key frame."""


class Film:
    """Encodes pictures for as long as somebody watches; all in one event loop.

    What is made is handed to queues: a packet each, beginning with a key frame.
    """

    def __init__(self, shelf: Shelf, pool: ThreadPoolExecutor) -> None:
        """Begin with nobody there; pictures come from the shelf and are encoded in the pool's thread."""
        self._shelf = shelf
        self._pool = pool
        self._queues: dict[asyncio.Queue[av.Packet[Any]], bool] = {}
        self._task: asyncio.Task[None] | None = None
        self._reformatter = VideoReformatter()
        self._encoder: av.VideoCodecContext | None = None
        self._wants_key = False

    def watch(self) -> asyncio.Queue[av.Packet[Any]]:
        """A queue of packets from the next picture on."""
        queue: asyncio.Queue[av.Packet[Any]] = asyncio.Queue(MOST_BEHIND)
        self._queues[queue] = False
        self._wants_key = True
        if self._task is None:
            self._task = asyncio.ensure_future(self._encode_all())
        return queue

    def leave(self, queue: asyncio.Queue[av.Packet[Any]]) -> None:
        """Watch no more; with the last one, encoding ends."""
        self._queues.pop(queue, None)
        if not self._queues and self._task is not None:
            self._task.cancel()
            self._task = None
            self._encoder = None

    async def _encode_all(self) -> None:
        loop, seen = asyncio.get_running_loop(), 0
        while True:
            shown = await self._shelf.newer(seen)
            seen = shown.number
            is_key, self._wants_key = self._wants_key, False
            for packet in await loop.run_in_executor(self._pool, self._encode, shown, is_key):
                self._hand_out(packet)

    def _hand_out(self, packet: av.Packet[Any]) -> None:
        for queue, has_begun in self._queues.items():
            if queue.full():  # it has lost the thread
                while not queue.empty():
                    queue.get_nowait()
                self._queues[queue] = has_begun = False
                self._wants_key = True
            if has_begun or packet.is_keyframe:
                self._queues[queue] = True
                queue.put_nowait(packet)

    def _encode(self, shown: Shown, is_key: bool) -> list[av.Packet[Any]]:
        picture = with_strip(shown, self._reformatter)
        encoder = self._encoder
        if encoder is None or (encoder.width, encoder.height) != (picture.width, picture.height):
            encoder = self._encoder = encoder_for(picture)
        picture.pts = shown.painted.frame.captured_ns * CLOCK.denominator // 10**9
        picture.time_base = CLOCK
        picture.pict_type = PictureType.I if is_key else PictureType.NONE
        return encoder.encode(picture)


def encoder_for(picture: av.VideoFrame) -> av.VideoCodecContext:
    """x264 without a frame of delay, in the profile that every browser takes."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, "yuv420p"
    encoder.time_base = CLOCK
    encoder.gop_size = KEY_EVERY
    encoder.thread_count = 1
    encoder.color_range, encoder.colorspace = ColorRange.MPEG, Colorspace.ITU601
    encoder.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "crf": str(CRF),
        "maxrate": f"{MOST_KBITS}k",
        "bufsize": f"{MOST_KBITS // 2}k",
        "forced-idr": "1",
        "x264-params": "no-deblock=0:deblock=0,0",  # which ultrafast leaves out, and the eye misses most
    }
    return encoder


def with_strip(shown: Shown, reformatter: VideoReformatter) -> av.VideoFrame:
    """The picture as captured, yuv420p of even size, at most `MOST_WIDE` across, with its number below."""
    picture = shown.painted.frame.picture
    width, height = picture.width, picture.height
    if width > MOST_WIDE:
        width, height = MOST_WIDE, height * MOST_WIDE // width
    width, height = width & ~1, max(height & ~1, 2)
    plain = reformatter.reformat(
        picture,
        width,
        height,
        format="yuv420p",
        dst_colorspace=Colorspace.ITU601,
        dst_color_range=ColorRange.MPEG,
        threads=1,
    )
    whole = av.VideoFrame(width, height + STRIP_PX, "yuv420p")
    for index, strip_px in enumerate((STRIP_PX, STRIP_PX // 2, STRIP_PX // 2)):
        plane = plane_view(whole, index)
        plane[:-strip_px] = plane_view(plain, index)
        plane[-strip_px:] = 128 if index else DARK
    wide, luma = width // BLOCKS, plane_view(whole, 0)
    for block, bit in enumerate(bits_of(shown.number)):
        if bit:
            luma[-STRIP_PX:, block * wide : (block + 1) * wide] = LIGHT
    return whole

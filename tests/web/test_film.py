"""The picture as a film."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from rtseg.picture import plane_view
from rtseg.sources.drive.strip import bits_of
from rtseg.web.film import BLOCKS, MOST_BEHIND, STRIP_PX, Film, encoder_for, with_strip
from rtseg.web.shelf import Shelf
from tests.web.test_past import shown


def bits_below(picture):
    """What the page reads: the level in the middle of each block."""
    luma = plane_view(picture, 0)
    wide = picture.width // BLOCKS
    return [bool(luma[-STRIP_PX // 2, block * wide + wide // 2] > 127) for block in range(BLOCKS)]


@pytest.mark.parametrize("size", [(480, 360), (1280, 720), (2560, 1440), (641, 483)])
def test_the_number_below_survives_the_encoder(size):
    picture = with_strip(shown(123_457, size=size), VideoReformatter())
    assert picture.width <= 1280
    assert picture.width % 2 == picture.height % 2 == 0
    encoder, decoder = encoder_for(picture), av.CodecContext.create("h264", "r")
    picture.pts = 0
    (packet,) = encoder.encode(picture)  # without delay
    assert packet.is_keyframe
    (decoded,) = [*decoder.decode(packet), *decoder.decode(None)]
    assert bits_below(decoded) == bits_of(123_457)


def fed(shelf, numbers):
    for number in numbers:
        shelf.write(shown(number, size=(320, 240)).painted)


def test_each_begins_with_a_key_frame_and_all_get_the_same():
    async def watched():
        shelf = Shelf()
        shelf.serve_in(asyncio.get_running_loop())
        with ThreadPoolExecutor(1) as pool:
            film = Film(shelf, pool)
            first, packets = film.watch(), []
            for number in range(1, 5):
                fed(shelf, [number])
                packets.append(await asyncio.wait_for(first.get(), 5))
            second = film.watch()
            fed(shelf, [5])
            packets.append(await asyncio.wait_for(first.get(), 5))
            other = await asyncio.wait_for(second.get(), 5)
            film.leave(first)
            film.leave(second)
        shelf.close()
        return packets, other

    packets, other = asyncio.run(watched())
    assert [packet.is_keyframe for packet in packets] == [True, False, False, False, True]
    assert other is packets[-1]


def test_one_that_does_not_fetch_begins_anew_with_a_key_frame():
    async def watched():
        shelf = Shelf()
        shelf.serve_in(asyncio.get_running_loop())
        with ThreadPoolExecutor(1) as pool:
            film = Film(shelf, pool)
            queue, quick = film.watch(), film.watch()
            for number in range(1, MOST_BEHIND + 4):
                fed(shelf, [number])
                await asyncio.wait_for(quick.get(), 5)
            held = [queue.get_nowait() for _ in range(queue.qsize())]
            film.leave(queue)
            film.leave(quick)
        shelf.close()
        return held

    held = asyncio.run(watched())
    assert 1 <= len(held) <= 3
    assert held[0].is_keyframe


def test_a_strip_fits_under_the_narrowest():
    picture = with_strip(shown(9, size=(304, 200)), VideoReformatter())
    assert bits_below(picture) == bits_of(9)
    assert np.all(plane_view(picture, 1)[-STRIP_PX // 2 :] == 128)

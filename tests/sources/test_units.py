from __future__ import annotations

from fractions import Fraction

import av

from rtseg.sources.units import Units


def packet(pts: int | None, data: bytes, *, key: bool = False) -> av.Packet:
    made = av.Packet(data)
    made.pts, made.time_base, made.is_keyframe = pts, Fraction(1, 90_000), key
    return made


def test_usual_packets_pass_at_once():
    units = Units()
    for pts, key in ((0, True), (1, False), (None, False), (None, True), (2, True)):
        given = packet(pts, b"x", key=key)
        assert units.push(given) == [given]


def test_torn_key_frames_are_joined():
    units = Units()
    first, second = packet(0, b"a", key=True), packet(0, b"b", key=True)
    assert units.push(first) == [first]  # nobody knows yet
    assert units.push(second) == []
    after = packet(1, b"p")
    assert units.push(after) == [second, after]
    for data in (b"c", b"d", b"e"):
        assert units.push(packet(2, data, key=True)) == []
    joined, last = units.push(packet(3, b"q"))
    assert (bytes(joined), joined.pts, joined.is_keyframe, joined.time_base) == (
        b"cde",
        2,
        True,
        Fraction(1, 90_000),
    )
    assert bytes(last) == b"q"

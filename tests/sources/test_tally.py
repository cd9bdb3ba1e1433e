from __future__ import annotations

from fractions import Fraction

import pytest

from rtseg.sources.tally import DECODE_ERROR, SOURCE_GAP, Gaps, Tally

UNIT = Fraction(1, 1000)
STEP = 40


def gaps_in(stamps: list[int], *, instants_ms: list[int] | None = None) -> int:
    gaps = Gaps(UNIT)
    instants = instants_ms or stamps
    return sum(gaps.missing_before(pts, ms * 1_000_000) for pts, ms in zip(stamps, instants, strict=True))


def steady(frames: int, begin: int = 0) -> list[int]:
    return [begin + STEP * k + k % 3 for k in range(frames)]


def test_a_steady_stream_has_no_gaps():
    assert gaps_in(steady(200)) == 0
    assert gaps_in([]) == gaps_in([7]) == 0


def test_missing_frames_are_counted_at_once():
    gaps = Gaps(UNIT)
    stamps = steady(60)
    counted = [gaps.missing_before(pts, pts * 1_000_000) for pts in stamps[:30] + stamps[33:]]
    assert counted[30] == 3
    assert sum(counted) == 3


def test_missing_thirds_are_counted_too():
    stamps = steady(300)
    kept = stamps[:30] + [pts for k, pts in enumerate(stamps[30:]) if k % 3 or k > 260]
    assert gaps_in(kept) == len(stamps) - len(kept)


def test_streams_without_a_rhythm_have_no_gaps():
    stamps = [0]
    for k in range(200):
        stamps.append(stamps[-1] + 20 + 37 * (k * k % 11))
    assert gaps_in(stamps) == 0


def test_a_slower_rate_is_no_gap_for_long():
    stamps = steady(60)
    slower = [stamps[-1] + 2 * STEP * k for k in range(1, 400)]
    assert gaps_in(stamps + slower) < 25  # less than a second's worth


def test_timestamps_that_jump_are_no_gap():
    stamps = steady(60)
    assert gaps_in(stamps + steady(60, begin=100_000), instants_ms=steady(120)) == 0
    assert gaps_in(stamps + steady(60), instants_ms=steady(120)) == 0


def begun_tally() -> Tally:
    tally = Tally(UNIT)
    tally.begin()
    return tally


def fed(tally: Tally, pts: int, *, decodes: bool = True) -> None:
    tally.packet(pts)
    if decodes:
        tally.picture(pts, pts * 1_000_000)
    else:
        tally.error(pts)


def test_each_lost_picture_is_counted_once():
    tally = begun_tally()
    for k, pts in enumerate(steady(100)):
        if k not in (50, 51, 70):
            fed(tally, pts, decodes=k not in (52, 80))
    assert tally.lost == {DECODE_ERROR: 2, SOURCE_GAP: 3}


def test_what_is_lost_before_anybody_asks_is_not_missed():
    tally = Tally(UNIT)
    for k, pts in enumerate(steady(40)):
        fed(tally, pts, decodes=k >= 12 and k != 20)
    tally.begin()
    for k, pts in enumerate(steady(40, begin=40 * STEP)):
        fed(tally, pts, decodes=k != 20)
    assert tally.lost == {DECODE_ERROR: 1}


def test_pictures_in_another_order_than_their_packets():
    tally = begun_tally()
    for pts in (0, 120, 40, 80):
        tally.packet(pts)
    for pts in (0, 40, 80, 120):
        tally.picture(pts, pts * 1_000_000)
    tally.end()
    assert tally.lost == {}


@pytest.mark.parametrize("times_are", ["of showing", "of sending"])
def test_one_lost_among_reordered_pictures(times_are: str):
    tally = Tally(UNIT)
    for group in range(0, 60 * STEP, 3 * STEP):
        if group == 3 * STEP:
            tally.begin()
        sent = [group + 2 * STEP, group, group + STEP]
        if times_are == "of sending":
            sent.sort()
        for pts in sent:
            tally.packet(pts)
        shown = [group, group + STEP, group + 2 * STEP]
        if times_are == "of sending":
            shown = [shown[1], shown[2], shown[0]]
        for pts in shown:
            if pts != 30 * STEP:
                tally.picture(pts, pts * 1_000_000)
    assert tally.lost == {DECODE_ERROR: 1}


def test_streams_without_times_count_what_the_decoder_refuses():
    tally = begun_tally()
    fed(tally, 0)
    for _ in range(3):
        tally.packet(None)
        tally.error(None)
    tally.picture(None, 0)
    assert tally.lost == {DECODE_ERROR: 3}


def test_fields_of_interlaced_pictures_are_not_missed():
    tally = begun_tally()
    for pts in range(0, 4000, STEP):
        tally.packet(pts)
        tally.packet(pts + STEP // 2)
        tally.picture(pts, pts * 1_000_000, is_interlaced=True)
    assert tally.lost == {}


def test_what_never_comes_out_does_not_pile_up():
    tally = begun_tally()
    fed(tally, 0)
    for k in range(1, 1001):
        tally.packet(STEP * k)
    assert tally.lost[DECODE_ERROR] == 700
    tally.end()
    assert tally.lost[DECODE_ERROR] == 1000

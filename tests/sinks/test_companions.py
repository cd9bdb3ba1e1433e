"""What is beside the pictures: sound, subtitles, chapters, tags, byte for byte and in time."""

from __future__ import annotations

from fractions import Fraction

import av
import pytest

from rtseg import RunOptions, Session
from tests.films import make_film, packets_of, times_of

TICK = Fraction(1, 1000)


def run(source, out, **changes):
    with Session(RunOptions(source=str(source), out=out, backend="simulated", **changes)) as session:
        session.run()
        return session.report()


def assert_same_packets(came, went, within=TICK):
    assert [data for _, data in went] == [data for _, data in came]
    assert [float(time) for time, _ in went] == pytest.approx(
        [float(time) for time, _ in came], abs=float(within)
    )


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_sound_is_copied_byte_for_byte_and_in_time(videos, tmp_path, ending):
    out = tmp_path / f"o{ending}"
    run(videos / "twostreams.mp4", out)
    came, went = packets_of(videos / "twostreams.mp4", "audio"), packets_of(out, "audio")
    assert len(went) == len(came) == 2
    for before, after in zip(came, went, strict=True):
        assert_same_packets(before, after)


def test_subtitles_are_copied_where_the_file_can_hold_them(videos, tmp_path):
    came = packets_of(videos / "twostreams.mp4", "subtitle")
    report = run(videos / "twostreams.mp4", tmp_path / "o.mp4", max_frames=390)
    went = packets_of(tmp_path / "o.mp4", "subtitle")
    assert len(went) == 2
    for before, after in zip(came, went, strict=True):
        assert_same_packets(before, after[: len(before)])  # MP4 adds an empty one that ends the last
    assert report["warnings"] == []
    report = run(videos / "twostreams.mp4", tmp_path / "o.mkv", max_frames=10)
    assert [("mov_text" in line, ".mp4" in line) for line in report["warnings"]] == [(True, True)] * 2


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
@pytest.mark.parametrize(
    ("begin_s", "sound_begin_s"), [(0, Fraction(1, 2)), (Fraction(1, 2), 0), (3, 3)], ids=str
)
def test_what_begins_later_still_does(tmp_path, ending, begin_s, sound_begin_s):
    film = make_film(tmp_path / "in.mkv", begin_s=Fraction(begin_s), sound_begin_s=Fraction(sound_begin_s))
    out = tmp_path / f"o{ending}"
    run(film, out)
    assert [float(time) for time in times_of(out)] == pytest.approx(
        [float(time) for time in times_of(film)], abs=0.001
    )
    assert_same_packets(packets_of(film, "audio")[0], packets_of(out, "audio")[0])


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_a_transport_stream_keeps_its_sound(tmp_path, ending):
    """It wraps each packet of AAC; what is inside must come out the same."""
    film = make_film(tmp_path / "in.ts", begin_s=Fraction(2), sound_begin_s=Fraction(2))
    out = tmp_path / f"o{ending}"
    run(film, out)

    def heard(path):
        with av.open(str(path)) as container:
            return [frame.to_ndarray().tobytes() for frame in container.decode(audio=0)]

    assert len(heard(out)) > 20
    assert heard(out) == heard(film)
    assert [float(time) for time in times_of(out)] == pytest.approx(
        [float(time) for time in times_of(film)], abs=0.001
    )


def test_a_cut_run_cuts_the_sound_too(videos, tmp_path):
    run(videos / "twostreams.mp4", tmp_path / "o.mp4", seconds=2.0)
    for stream in packets_of(tmp_path / "o.mp4", "audio"):
        assert 1.7 < stream[-1][0] < 2.05


def test_sound_that_outlasts_the_pictures_is_whole(tmp_path):
    film = make_film(tmp_path / "in.mp4", frames=10, sound_begin_s=Fraction(3))
    run(film, tmp_path / "o.mp4")
    assert_same_packets(packets_of(film, "audio")[0], packets_of(tmp_path / "o.mp4", "audio")[0])


def test_what_the_film_says_of_itself_is_kept(tmp_path):
    tags = {"creation_time": "2024-05-06T07:08:09.000000Z", "location": "+52.2053+000.1218/", "title": "A1"}
    film = make_film(tmp_path / "in.mp4", tags=tags, sample_aspect_ratio=Fraction(4, 3))
    for ending in (".mp4", ".mkv"):
        out = tmp_path / f"o{ending}"
        run(film, out)
        with av.open(str(out)) as container:
            kept = {key.lower(): value for key, value in container.metadata.items()}
            assert kept["creation_time"] == tags["creation_time"]
            assert kept["title"] == tags["title"]
            assert kept["location"].startswith("+52.2053+000.121")
            assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)


def test_sound_that_a_file_cannot_hold_is_said(tmp_path):
    film = make_film(tmp_path / "in.mkv", sound="pcm_u8")
    report = run(film, tmp_path / "o.mp4")
    assert len(report["warnings"]) == 1
    assert "pcm_u8" in report["warnings"][0]
    assert ".mkv" in report["warnings"][0]
    assert len(times_of(tmp_path / "o.mp4")) == 30
    run(film, tmp_path / "o.mkv")
    assert_same_packets(packets_of(film, "audio")[0], packets_of(tmp_path / "o.mkv", "audio")[0])


def test_the_stream_asked_for_is_shown(videos, tmp_path):
    for stream, frames in ((0, 325), (3, 390), (None, 390)):
        out = tmp_path / f"{stream}.mkv"
        run(videos / "twostreams.mp4", out, stream=stream)
        assert len(times_of(out)) == frames

"""What is beside the pictures: sound, subtitles, chapters, tags, byte for byte and in time."""

from __future__ import annotations

from fractions import Fraction

import av
import pytest

from rtseg import RunOptions, Session
from rtseg.sinks.companions import kept_metadata
from tests.films import make_film, packets_of, times_of

TICK = Fraction(1, 1000)


CHAPTERS = [
    {"id": 1, "start": 0, "end": 700, "time_base": TICK, "metadata": {"title": "out of town"}},
    {"id": 2, "start": 700, "end": 3000, "time_base": TICK, "metadata": {"title": "the bridge"}},
]


def remade(film, out, *, chapters=(), font=None, texts=(), tags=None, picture_tags=None, options=None):
    """The film again, with more in it; `texts` are subtitles of half a second each."""
    with av.open(str(film)) as came, av.open(str(out), "w", options=options or {}) as went:
        went.metadata.update(tags or {})
        went.set_chapters(list(chapters))
        copies = [went.add_stream_from_template(stream) for stream in came.streams]
        copies[0].metadata.update(picture_tags or {})
        if font is not None:
            went.add_attachment("road.ttf", "application/x-truetype-font", font)
        subtitles = went.add_mux_stream("mov_text", time_base=TICK) if texts else None
        for packet in came.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                went.mux(packet)
        for number, text in enumerate(texts):
            packet = av.Packet(len(text).to_bytes(2, "big") + text)
            packet.pts = packet.dts = 500 * number
            packet.duration, packet.time_base, packet.stream = 500, TICK, subtitles
            went.mux(packet)
    return out


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
        assert_same_packets(before, after[: len(before)])  # MP4 adds empty ones that end the last
    assert report["warnings"] == []
    report = run(videos / "twostreams.mp4", tmp_path / "o.mkv", max_frames=10)
    assert [("mov_text" in line, ".mp4" in line) for line in report["warnings"]] == [(True, True)] * 2


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
@pytest.mark.parametrize(
    ("begin_s", "sound_begin_s"),
    [(0, Fraction(1, 2)), (Fraction(1, 2), 0), (Fraction(1, 50), 0), (3, 3)],
    ids=str,
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


@pytest.mark.parametrize("ending", [".mp4", ".mov"])
def test_subtitles_do_not_make_the_film_longer(tmp_path, ending):
    film = make_film(tmp_path / "in.mp4")
    film = remade(film, tmp_path / "texts.mp4", texts=[b"left", b"", b"right"])
    out = tmp_path / f"o{ending}"
    run(film, out)
    with av.open(str(film)) as came, av.open(str(out)) as went:
        assert went.duration == pytest.approx(came.duration, abs=1000)  # microseconds
        texts = went.streams.subtitles[0]
        assert texts.duration * texts.time_base < Fraction(151, 100)


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_chapters_are_kept(tmp_path, ending):
    film = remade(make_film(tmp_path / "plain.mkv"), tmp_path / "in.mkv", chapters=CHAPTERS)
    out = tmp_path / f"o{ending}"
    assert run(film, out)["warnings"] == []
    with av.open(str(out)) as container:
        chapters = container.chapters()
        assert len(container.streams.data) == (0 if ending == ".mkv" else 1)
    assert [chapter["metadata"]["title"] for chapter in chapters] == ["out of town", "the bridge"]
    times = [
        (chapter["start"] * chapter["time_base"], chapter["end"] * chapter["time_base"])
        for chapter in chapters
    ]
    assert times == [(0, Fraction(7, 10)), (Fraction(7, 10), 3)]


def test_chapters_of_an_mp4_are_no_data_to_copy(tmp_path):
    film = remade(make_film(tmp_path / "plain.mp4"), tmp_path / "in.mp4", chapters=CHAPTERS)
    assert run(film, tmp_path / "o.mp4")["warnings"] == []
    with av.open(str(tmp_path / "o.mp4")) as container:
        assert len(container.chapters()) == 2
        assert len(container.streams.data) == 1


def test_attached_files_are_kept_where_there_is_a_place(tmp_path):
    film = remade(make_film(tmp_path / "plain.mkv"), tmp_path / "in.mkv", font=bytes(range(200)))
    assert run(film, tmp_path / "o.mkv")["warnings"] == []
    with av.open(str(tmp_path / "o.mkv")) as container:
        (attached,) = container.streams.attachments
        assert (attached.name, attached.mimetype) == ("road.ttf", "application/x-truetype-font")
        assert bytes(attached.data) == bytes(range(200))
    (warning,) = run(film, tmp_path / "o.mp4")["warnings"]
    assert "cannot hold the attached file of stream 2 (road.ttf)" in warning
    assert "Try an output ending in .mkv" in warning


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_data_of_an_action_camera(tmp_path, ending):
    """GoPro writes positions as a track `gpmd`. Here subtitles are dressed up as one."""
    film = remade(make_film(tmp_path / "plain.mp4"), tmp_path / "in.mp4", texts=[b"N52.1", b"N52.2"])
    film.write_bytes(film.read_bytes().replace(b"tx3g", b"gpmd").replace(b"sbtl", b"meta"))
    came = packets_of(film, "data")
    report = run(film, tmp_path / f"o{ending}")
    went = packets_of(tmp_path / f"o{ending}", "data")
    if ending == ".mkv":
        assert went == []
        assert "cannot hold the data of stream 2" in report["warnings"][0]
    else:
        assert_same_packets(came[0][:2], went[0][:2])


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_tags_that_only_one_maker_uses(tmp_path, ending):
    tags = {
        "com.apple.quicktime.location.ISO6709": "+52.2053+000.1218+012.0/",
        "com.android.version": "14",
        "creation_time": "2024-05-06T07:08:09.000000Z",
        "title": "A1",
    }
    options = {"movflags": "use_metadata_tags"}
    film = remade(make_film(tmp_path / "plain.mp4"), tmp_path / "in.mov", tags=tags, options=options)
    run(film, tmp_path / f"o{ending}")
    with av.open(str(tmp_path / f"o{ending}")) as container:
        kept = {key.lower(): value for key, value in kept_metadata(container.metadata).items()}
    assert {key: kept.get(key.lower()) for key in tags} == tags


def test_what_is_said_of_the_pictures_is_kept(tmp_path):
    tags = {"language": "deu", "title": "front", "timecode": "01:02:03:04"}
    film = remade(
        make_film(tmp_path / "plain.mkv"),
        tmp_path / "in.mkv",
        picture_tags={**tags, "rotate": "90", "alpha_mode": "1"},
    )
    run(film, tmp_path / "o.mkv")
    with av.open(str(tmp_path / "o.mkv")) as came:
        kept = {key.lower(): value for key, value in came.streams.video[0].metadata.items()}
    assert {key: kept.get(key) for key in tags} == tags
    assert not {"rotate", "alpha_mode"} & set(kept)
    run(film, tmp_path / "o.mov")
    with av.open(str(tmp_path / "o.mov")) as came:
        assert came.streams.video[0].metadata["timecode"].startswith("01:02:03:")
        assert len(came.streams.data) == 1
    assert run(tmp_path / "o.mov", tmp_path / "again.mov")["warnings"] == []
    with av.open(str(tmp_path / "again.mov")) as came:
        assert len(came.streams.data) == 1


def test_sound_that_a_muxer_promises_to_take_and_does_not(tmp_path):
    film = make_film(tmp_path / "in.mkv", sound="flac")
    (warning,) = run(film, tmp_path / "o.mov")["warnings"]
    assert "cannot hold the sound of stream 1 (flac)" in warning
    assert "Try an output ending in .mp4" in warning
    assert len(times_of(tmp_path / "o.mov")) == 30


def test_sound_that_no_output_can_hold(tmp_path):
    film = make_film(tmp_path / "in.avi", sound="adpcm_ms")
    warnings = run(film, tmp_path / "o.mkv")["warnings"]
    assert any("(adpcm_ms); left out. No kind of output here can" in line for line in warnings)


def test_damaged_sound_stops_nothing(tmp_path):
    film = make_film(tmp_path / "in.ts")
    data = film.read_bytes()
    head = b"\xff\xf1"  # of AAC as transport streams carry it
    at = data.index(head, len(data) // 2)
    film.write_bytes(data[:at] + bytes(40) + data[at + 40 :])
    report = run(film, tmp_path / "o.mp4")
    assert report["frames"]["captured"] == len(times_of(tmp_path / "o.mp4")) == 30
    assert any("packets of stream 1 damaged; left out" in line for line in report["warnings"])
    came, went = packets_of(film, "audio")[0], packets_of(tmp_path / "o.mp4", "audio")[0]
    assert len(came) - 3 <= len(went) < len(came)

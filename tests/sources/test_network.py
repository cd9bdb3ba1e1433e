"""Against GStreamer's RTSP server, an HTTP server and a UDP sender, all real and on loopback."""

from __future__ import annotations

import os
import socket
import statistics
import threading
import time
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from rtseg.errors import InputError, Interrupted, SourceFault, SourceNotFoundError
from rtseg.sources import open_live
from rtseg.sources.live import LiveOptions
from rtseg.sources.network import NetworkStream
from tests import rtsp
from tests.films import make_film
from tests.rtsp import FPS, SIZE, SMALL, Watch
from tests.sources import streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.rtsp import RtspServer

    Maker = Callable[..., RtspServer]

pytestmark = pytest.mark.live

FRAME_MS = 1000 / FPS


def stream(url: str, **options: Any) -> NetworkStream:
    return NetworkStream(url, LiveOptions(**{"open_timeout_s": 8, "read_timeout_s": 2, **options}))


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    film = make_film(tmp_path_factory.mktemp("film") / "film.mkv", frames=40, sound=None)
    with streams.http_server(rtsp.jpegs_of(rtsp.images_of(SIZE)), film) as url:
        yield url


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_rtsp_comes_whole_and_fresh(rtsp_server: Maker, transport: str):
    server = rtsp_server()
    with stream(server.url, transport=transport) as source:
        assert (source.width, source.height, source.frame_count, source.film) == (*SIZE, None, None)
        assert (source.time_base, source.first_pts) == (Fraction(1, 90_000), 0)
        assert abs(source.fps - FPS) < 1
        time.sleep(1)  # as models take to load: what piles up meanwhile is of no use to anybody
        watch = Watch(source, 2)
    assert watch.numbers == [(watch.numbers[0] + k) % rtsp.FRAMES for k in range(len(watch.numbers))]
    assert 2 * FPS - 4 <= len(watch.numbers) <= 2 * FPS + 2
    ages_ms = watch.ages_ms(server.pushed())
    # FFmpeg hands a picture on when the next one begins.
    assert FRAME_MS / 2 < statistics.median(ages_ms) < 3 * FRAME_MS
    assert ages_ms[0] < 6 * FRAME_MS
    assert watch.pts[0] == 0
    assert all(earlier < later for earlier, later in pairwise(watch.pts))
    elapsed_s = (watch.captured_ns[-1] - watch.captured_ns[0]) / 1e9
    assert watch.pts[-1] / 90_000 == pytest.approx(elapsed_s, abs=1e-4)
    assert source.losses == {}
    assert source.warnings == []
    facts = source.facts()
    assert (facts["transport"], facts["codec"], facts["outages"]) == (transport, "h264", 0)
    assert facts["passed_over_at_start"] >= FPS / 2
    assert facts["measured_fps"] == pytest.approx(FPS, rel=0.1)


def test_rtsp_with_mjpeg(rtsp_server: Maker, tmp_path: Path):
    clip = rtsp.write_clip(tmp_path / "clip", rtsp.jpegs_of(rtsp.images_of(SIZE, 30)))
    server = rtsp_server(clips={SIZE: clip}, codec="mjpeg")
    with stream(server.url) as source:
        watch = Watch(source, 1)
    assert len(watch.numbers) > FPS / 2
    assert None not in watch.numbers
    assert source.facts()["codec"] == "mjpeg"
    # A JPEG tells where it ends: no waiting for the next one.
    assert statistics.median(watch.ages_ms(server.pushed())) < 0.8 * FRAME_MS


def test_key_frames_in_slices_come_whole(rtsp_server: Maker, tmp_path: Path):
    units = rtsp.h264_of(rtsp.images_of(SIZE, 60), slices=4)
    server = rtsp_server(clips={SIZE: rtsp.write_clip(tmp_path / "clip", units)})
    with stream(server.url) as source:
        watch = Watch(source, 2)
    assert watch.numbers == [(watch.numbers[0] + k) % 60 for k in range(len(watch.numbers))]
    assert source.losses == {}


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_server_killed_and_back(rtsp_server: Maker, transport: str):
    server = rtsp_server()
    with stream(server.url, transport=transport) as source:
        watch = Watch(source, 6.5, [(0.7, server.kill), (1.6, server.restart)])
    assert 1 < watch.longest_gap_s < 5
    facts = source.facts()
    assert facts["outages"] == 1
    assert facts["reconnect_attempts"] >= 2
    assert facts["seconds_without_picture"] == pytest.approx(watch.longest_gap_s, abs=0.1)
    assert facts["connected"]
    assert len(watch.numbers) > (6.5 - watch.longest_gap_s - 0.5) * FPS
    assert watch.ages_ms(server.pushed())[-1] < 3 * FRAME_MS
    line = source.warnings[0]
    assert line.startswith(f"{server.url}: lost 1×: ")
    assert source.losses.keys() <= {"source gap"}


def test_long_freeze_is_an_outage(rtsp_server: Maker):
    server = rtsp_server()
    with stream(server.url, read_timeout_s=1) as source:
        watch = Watch(source, 5, [(0.7, lambda: server.freeze(2.2))])
    facts = source.facts()
    assert facts["outage_reasons"] == {"nothing came for 1 s": 1}
    assert watch.longest_gap_s == pytest.approx(facts["seconds_without_picture"], abs=0.1)
    ages_ms = watch.ages_ms(server.pushed())
    assert max(ages_ms) < 6 * FRAME_MS  # also the picture that FFmpeg held back when the stream froze
    assert source.losses == {"source gap": 1}


def test_short_freeze_is_a_gap(rtsp_server: Maker):
    server = rtsp_server()
    with stream(server.url) as source:
        watch = Watch(source, 3, [(1.5, lambda: server.freeze(0.5))])
    assert source.facts()["outages"] == 0
    assert source.losses["source gap"] == pytest.approx(0.5 * FPS, abs=2)
    assert len(watch.numbers) + source.losses["source gap"] == pytest.approx(3 * FPS, abs=4)
    assert f"{source.losses['source gap']} pictures missing" in source.warnings[0]


def test_other_size_on_the_way(rtsp_server: Maker):
    server = rtsp_server()
    with stream(server.url) as source:
        watch = Watch(source, 3, [(1, lambda: server.resize(*SMALL)), (2, lambda: server.resize(*SIZE))])
    assert watch.sizes == {SIZE}
    facts = source.facts()
    assert facts["size_changes"] == 2
    assert facts["frames_scaled"] == pytest.approx(FPS, abs=6)
    assert facts["outages"] == 0
    assert any("scaled to the first's" in line for line in source.warnings)
    assert watch.numbers[-1] is not None


def test_corrupt_frames_for_a_second(rtsp_server: Maker, capfd: pytest.CaptureFixture[str]):
    server = rtsp_server()
    with stream(server.url) as source:
        watch = Watch(source, 3.5, [(0.7, lambda: server.corrupt(1))])
    lost = sum(source.losses.values())
    assert len(watch.numbers) + lost == pytest.approx(3.5 * FPS, abs=5)
    assert source.facts()["frames_damaged"] + lost > 5
    assert None not in watch.numbers[-FPS:]  # a key frame later all is well
    assert any("damaged" in line for line in source.warnings)
    assert capfd.readouterr().err == ""


def test_a_third_of_the_udp_packets_lost(rtsp_server: Maker, capfd: pytest.CaptureFixture[str]):
    server = rtsp_server()
    with stream(server.url, transport="udp") as source:
        watch = Watch(source, 5, [(1, lambda: server.lose(0.3)), (3.2, lambda: server.lose(0))])
    lost = sum(source.losses.values())
    assert lost > 10
    assert len(watch.numbers) + lost == pytest.approx(5 * FPS, abs=5)  # each is counted, and once
    assert source.facts()["outages"] == 0
    assert None not in watch.numbers[-FPS:]
    assert watch.ages_ms(server.pushed())[-1] < 3 * FRAME_MS
    assert capfd.readouterr().err == ""


def test_passwords(rtsp_server: Maker):
    server = rtsp_server(user="an na", password="p@s/s:w%1")
    with pytest.raises(InputError, match="it wants a user and a password") as caught, stream(server.url):
        pass
    assert caught.value.exit_code == 2
    with pytest.raises(InputError, match="user or the password is wrong") as caught:
        stream(server.url_for("an na:wrong@1")).__enter__()
    told = f"{caught.value} {caught.value.__context__} {caught.value.__cause__}"
    assert "***@127.0.0.1" in told
    assert "wrong@1" not in told
    assert "an na" not in told
    escaped = f"{quote('an na', safe='')}:{quote('p@s/s:w%1', safe='')}"
    with stream(server.url_for(escaped)) as source:
        watch = Watch(source, 0.5)
    assert len(watch.numbers) > 5
    shown = f"{source.uri} {source.warnings} {source.facts()}"
    assert "p%40" not in shown
    assert "an%20" not in shown
    with pytest.raises(SourceNotFoundError, match="404"), stream(server.url_for(escaped) + "/other"):
        pass


def test_nobody_listens():
    with pytest.raises(InputError, match="refused") as caught:
        stream(f"rtsp://anna:geheim@127.0.0.1:{streams.free_port()}/x").__enter__()
    assert "geheim" not in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_name_that_does_not_resolve():
    with pytest.raises(InputError, match="name is not known"):
        stream("rtsp://camera.invalid/x").__enter__()


@pytest.mark.parametrize("scheme", ["rtsp", "http", "rtmp"])
def test_accepts_and_says_nothing(scheme: str):
    begun = time.monotonic()
    with streams.silent_server() as port, pytest.raises(InputError, match=r"no answer within 0\.7 s"):
        stream(f"{scheme}://127.0.0.1:{port}/x", open_timeout_s=0.7).__enter__()
    assert time.monotonic() - begun < 2


def test_stop_ends_an_opening():
    begun = time.monotonic()
    with streams.silent_server() as port:
        source = stream(f"rtsp://127.0.0.1:{port}/x")
        timer = threading.Timer(0.3, source.stop)
        timer.start()
        with pytest.raises(Interrupted):
            source.__enter__()
        timer.join()
    assert time.monotonic() - begun < 1.3


def test_stop_ends_a_read_and_a_pause(rtsp_server: Maker):
    server = rtsp_server()
    with stream(server.url, read_timeout_s=30) as source:
        watch = Watch(source, 1, [(0.3, lambda: server.freeze(60))])
    assert watch.seconds < 2
    server.kill()
    server.restart()
    with stream(server.url) as source:
        # After 0.5 and 1 s of pauses, the third of 2 s has begun.
        watch = Watch(source, 2.5, [(0.3, server.kill)])
    assert watch.seconds < 3.5
    assert not source.exhausted


def test_gives_up_at_last(rtsp_server: Maker):
    server = rtsp_server()
    with stream(server.url, give_up_s=1.2) as source:
        with pytest.raises(SourceFault, match=r"no picture came within 1\.2 s") as caught:
            Watch(source, 10, [(0.5, server.kill)])
        assert caught.value.exit_code == 3
        assert caught.value.__context__ is None
    assert source.facts()["outages"] == 1


def test_connections_leave_nothing_behind(rtsp_server: Maker):
    server = rtsp_server()
    seen = []
    for _ in range(3):
        with stream(server.url) as source:
            Watch(source, 0.2)
        seen.append((len(os.listdir("/proc/self/fd")), threading.active_count()))
    assert seen[0] == seen[-1]


def test_http_mjpeg(web: str):
    with stream(f"{web}/live?token=geheim") as source:
        watch = Watch(source, 1.5)
    assert 30 < len(watch.numbers) < 60
    assert None not in watch.numbers
    assert source.uri == f"{web}/live?token=***"
    assert source.losses == {}


def test_end_of_a_stream_is_an_outage(web: str):
    with stream(f"{web}/short") as source:
        watch = Watch(source, 3.5)
    assert source.facts()["outage_reasons"] == {"the stream ended": source.facts()["outages"]}
    assert source.facts()["outages"] >= 1
    assert len(watch.numbers) > 40


def test_what_comes_as_fast_as_it_is_read_is_paced(web: str):
    with stream(f"{web}/film") as source:
        watch = Watch(source, 1.5)
    assert 10 <= len(watch.captured_ns) <= 17  # 10 a second, all there at once
    assert source.facts()["outages"] == 0


def test_a_film_on_a_web_server_ends_where_it_ends(web: str):
    with stream(f"{web}/film") as source:
        frames = list(source)
    assert len(frames) == 40
    assert source.exhausted
    assert source.facts()["outages"] == 0


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/401", "it wants a user"),
        ("/403", "forbidden"),
        ("/404", "no such stream"),
        ("/410", "refuses the request"),
        ("/500", "fault of its own"),
        ("/text", "not a video"),
    ],
)
def test_http_refusals(web: str, path: str, what: str):
    with pytest.raises(InputError, match=what) as caught:
        stream(f"{web}{path}?password=geheim").__enter__()
    assert "geheim" not in str(caught.value)


def test_transport_stream_over_udp(clips: dict[tuple[int, int], Path]):
    port = streams.free_port(socket.SOCK_DGRAM)
    units = rtsp.read_clip(clips[SIZE])
    with streams.ts_sender(f"udp://127.0.0.1:{port}", units), stream(f"udp://127.0.0.1:{port}") as source:
        watch = Watch(source, 2)
    assert 2 * FPS - 8 <= len(watch.numbers) <= 2 * FPS + 4
    assert None not in watch.numbers
    assert source.losses == {}
    assert source.facts()["format"] == "mpegts"


def test_udp_that_nobody_sends_and_port_that_is_taken():
    port = streams.free_port(socket.SOCK_DGRAM)
    with pytest.raises(InputError, match="nothing that can be shown arrived"):
        stream(f"udp://127.0.0.1:{port}", open_timeout_s=0.5).__enter__()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(InputError, match="another program listens"):
            stream(f"udp://127.0.0.1:{taken.getsockname()[1]}").__enter__()


@pytest.mark.parametrize(
    ("uri", "what"),
    [
        ("rtsp:///x", "no host"),
        ("udp://0.0.0.0", "no port"),
        ("rtsp://u:geheim@cam:1x/", "a number"),
        ("rtsp://cam:99999/", "a number up to 65535"),
    ],
)
def test_addresses_that_are_none(uri: str, what: str):
    with pytest.raises(InputError, match=what) as caught:
        open_live(uri)
    assert "geheim" not in str(caught.value)


def test_schemes_that_this_ffmpeg_has_not():
    with pytest.raises(InputError, match=r"not known to this FFmpeg|refused|no answer"):
        stream(f"srt://127.0.0.1:{streams.free_port()}", open_timeout_s=0.5).__enter__()


def test_only_the_beginning_can_be_begun_at():
    source = stream("rtsp://cam/x")
    source.begin_at(0)
    with pytest.raises(ValueError, match="no frame 3"):
        source.begin_at(3)

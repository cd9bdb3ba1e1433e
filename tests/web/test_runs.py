"""Pages of runs over files, and of batches."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import av
import pytest

from rtseg.batch.batch import Batch, BatchOptions
from rtseg.batch.processes import Processes
from rtseg.errors import Interrupted
from rtseg.options import RunOptions
from rtseg.session import Session
from rtseg.web.batch import BatchPage
from rtseg.web.server import Serve
from tests.films import make_film
from tests.web.clients import ask, next_text, watch


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """40 seconds, of which one takes a moment."""
    return str(make_film(tmp_path_factory.mktemp("film") / "film.mp4", frames=400))


def test_a_film_tells_how_far_it_is_and_is_the_same_as_without_a_page(tmp_path, film):
    plain, shown = tmp_path / "plain.mp4", tmp_path / "shown.mp4"
    with Session(RunOptions(film, out=plain, backend="simulated:1")) as session:
        session.run()
    with Session(RunOptions(film, out=shown, backend="simulated:8", serve=Serve("127.0.0.1:0"))) as session:
        thread = threading.Thread(target=session.run)
        thread.start()
        time.sleep(0.3)
        with watch(session) as socket:
            told = [next_text(socket, "state")]
            while told[-1]["frames"]["fresh"] < 150:
                told.append(next_text(socket, "state"))
            kept = json.loads(ask(session, "/api/past").body)
            end = next_text(socket, "end")
        thread.join()
    assert told[0]["expected"] == 400
    done = [state["frames"]["fresh"] for state in told]
    assert done == sorted(done)
    assert end["frames"]["fresh"] == 400
    assert [round(one["seconds"]) for one in kept] == list(range(len(kept)))
    assert len(kept) >= 15
    assert frames_of(shown) == frames_of(plain)
    assert not list(tmp_path.glob(".*"))  # the journal


def frames_of(path):
    with av.open(str(path)) as film:
        return [(packet.pts, bytes(packet)) for packet in film.demux(video=0)]


def test_what_an_earlier_run_has_made_counts_as_done(tmp_path, film):
    out = tmp_path / "out.mp4"
    with Session(RunOptions(film, out=out, backend="simulated:5")) as session:

        def stop_midway(progress):
            if progress.books.shown > 150:
                session.stop()

        with pytest.raises(Interrupted):
            session.run(stop_midway)
    options = RunOptions(film, out=out, backend="simulated:5", resume=True, serve=Serve("0"))
    with Session(options) as session:
        assert session.kept_frames >= 120
        session.run()
        assert session.report()["frames"]["fresh"] == 400


@pytest.mark.live
def test_a_page_that_is_all_there_is_stays_until_ctrl_c():
    command = [
        sys.executable,
        "-m",
        "rtseg",
        "run",
        "synth://320x240@10?seconds=2",
        "--backend",
        "simulated:1",
    ]
    run = subprocess.Popen(
        [*command, "--serve", "127.0.0.1:0"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    lines = []
    for line in run.stderr:
        lines.append(line)
        if line.startswith("The page stays"):
            break
    (address,) = {found for line in lines for found in re.findall(r"http://127\.0\.0\.1:\d+/", line)}
    time.sleep(0.5)
    with urllib.request.urlopen(address + "api/report", timeout=5) as answer:
        report = json.load(answer)
    assert report["running"] is False
    assert report["frames"]["fresh"] == 20
    run.send_signal(signal.SIGINT)
    with run.stderr:
        assert "Traceback" not in run.stderr.read()
    assert run.wait(10) == 0


@pytest.mark.live
def test_with_another_output_the_page_ends_with_the_run(tmp_path):
    command = [
        sys.executable,
        "-m",
        "rtseg",
        "run",
        "synth://320x240@10?seconds=2",
        "--backend",
        "simulated:1",
    ]
    given = ["--serve", "127.0.0.1:0", "-o", str(tmp_path / "out.mp4")]
    done = subprocess.run([*command, *given], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "page: http://127.0.0.1:" in done.stderr


def test_a_batch_lists_its_films_and_what_became_of_them(tmp_path):
    films = tmp_path / "films"
    films.mkdir()
    for name in ("one", "two"):
        make_film(films / f"{name}.mp4", frames=60)
    (films / "broken.mp4").write_bytes(b"no film")
    options = BatchOptions([str(films)], tmp_path / "out", run=RunOptions("", backend="simulated:30"))
    batch, seen = Batch(options), set()
    with BatchPage(Serve("127.0.0.1:0"), batch) as page:

        def told():
            with urllib.request.urlopen(page.link + "api/batch", timeout=5) as answer:
                return json.load(answer)

        def look(_standing):
            page.look()
            seen.update(film["state"] for film in told()["films"])

        assert {film["state"] for film in told()["films"]} == {"waiting"}
        batch.run(Processes(1), look)
        last = told()
        with urllib.request.urlopen(page.link, timeout=5) as answer:
            assert b"rtseg batch" in answer.read()
    by_name = {film["source"]: film for film in last["films"]}
    assert {name: film["state"] for name, film in by_name.items()} == {
        "one.mp4": "done",
        "two.mp4": "done",
        "broken.mp4": "failed",
    }
    assert "broken.mp4" in by_name["broken.mp4"]["error"]
    assert by_name["one.mp4"]["frames"] == 60
    assert last["frames"] == 120
    assert seen >= {"waiting", "under way", "done", "failed"}
    again = Batch(options).overview()["films"]
    assert sorted(film["state"] for film in again) == ["done before", "done before", "waiting"]

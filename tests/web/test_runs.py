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
from rtseg.options import RunOptions
from rtseg.session import Session
from rtseg.web.batch import BatchPage
from rtseg.web.server import Serve
from tests.web.clients import ask, next_text, watch

FILM = "synth://320x240@10?seconds=13&seed=3"


def test_a_film_tells_how_far_it_is_and_is_the_same_as_without_a_page(tmp_path):
    plain, shown = tmp_path / "plain.mp4", tmp_path / "shown.mp4"
    with Session(RunOptions(FILM, out=plain, backend="simulated:1")) as session:
        session.run()
    with Session(RunOptions(FILM, out=shown, backend="simulated:20", serve=Serve("127.0.0.1:0"))) as session:
        thread = threading.Thread(target=session.run)
        thread.start()
        time.sleep(0.3)
        with watch(session) as socket:
            told = [next_text(socket, "state")]
            while told[-1]["frames"]["fresh"] < 60:
                told.append(next_text(socket, "state"))
            kept = json.loads(ask(session, "/api/past").body)
            end = next_text(socket, "end")
        thread.join()
    assert told[0]["expected"] == 130
    done = [state["frames"]["fresh"] for state in told]
    assert done == sorted(done)
    assert end["frames"]["fresh"] == 130
    assert [round(one["seconds"]) for one in kept] == list(range(len(kept)))
    assert len(kept) >= 6
    assert frames_of(shown) == frames_of(plain)
    assert not list(tmp_path.glob(".*"))  # the journal


def frames_of(path):
    with av.open(str(path)) as film:
        return [(packet.pts, bytes(packet)) for packet in film.demux(video=0)]


def test_what_an_earlier_run_has_made_counts_as_done(tmp_path):
    out = tmp_path / "out.mp4"
    with Session(
        RunOptions("synth://320x240@30?seconds=8&seed=3", out=out, backend="simulated:1")
    ) as session:
        threading.Timer(0.8, session.stop).start()
        with pytest.raises(Exception, match="interrupted"):
            session.run()
    options = RunOptions(
        "synth://320x240@30?seconds=8&seed=3", out=out, backend="simulated:1", resume=True, serve=Serve("0")
    )
    with Session(options) as session:
        kept = session.kept_frames
        session.run()
        assert kept >= 120
        assert session.report()["frames"]["fresh"] == 240


@pytest.mark.live
def test_a_page_that_is_all_there_is_stays_until_ctrl_c(tmp_path):
    command = [
        sys.executable,
        "-m",
        "rtseg",
        "run",
        "synth://320x240@10?seconds=2",
        "--backend",
        "simulated:1",
    ]
    run = subprocess.Popen([*command, "--serve", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
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
    assert run.wait(10) == 0
    assert "Traceback" not in run.stderr.read()


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


class Executor:
    """Does jobs here, one at a time, when it is told to."""

    workers = most_started = 1

    def __init__(self):
        self.go = threading.Semaphore(0)

    def start(self, job):
        return job

    def wait(self, handles, timeout_s):
        return list(handles) if self.go.acquire(timeout=timeout_s) else []

    def result(self, handle):
        from rtseg.batch.job import perform

        return perform(handle, lambda _session: None)

    def stop(self, handles):
        pass

    def close(self):
        pass


def test_a_batch_lists_its_films_and_what_became_of_them(tmp_path):
    from rtseg.backends import backend_for
    from tests.films import film_of

    films = tmp_path / "films"
    films.mkdir()
    for name in ("one", "two"):
        film_of(films / f"{name}.mp4")
    (films / "broken.mp4").write_bytes(b"no film")
    assert backend_for
    options = BatchOptions([str(films)], tmp_path / "out", run=RunOptions("", backend="simulated:1"))
    batch, executor = Batch(options), Executor()
    with BatchPage(Serve("127.0.0.1:0"), batch) as page:

        def states():
            with urllib.request.urlopen(page.link + "api/batch", timeout=5) as answer:
                told = json.load(answer)
            return told, {film["source"]: film["state"] for film in told["films"]}

        assert set(states()[1].values()) == {"waiting"}
        thread = threading.Thread(target=batch.run, args=[executor, lambda _: page.look()])
        thread.start()
        until(lambda: "under way" in states()[1].values())
        for _ in range(3):
            executor.go.release()
        thread.join(30)
        told, by_name = states()
        assert by_name == {"one.mp4": "done", "two.mp4": "done", "broken.mp4": "failed"}
        (broken,) = (film for film in told["films"] if film["state"] == "failed")
        assert "broken.mp4" in broken["error"]
        assert told["frames"] > 0
        with urllib.request.urlopen(page.link, timeout=5) as answer:
            assert b"rtseg batch" in answer.read()
    again = Batch(options)
    assert sorted(film["state"] for film in again.overview()["films"]) == [
        "done before",
        "done before",
        "waiting",
    ]


def until(holds):
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)

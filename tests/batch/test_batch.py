"""Batches over real processes: bad files, a second run, films in pieces, workers that die."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from rtseg import InputError, RunOptions, Session
from rtseg.batch import pieces
from rtseg.batch.batch import ENDINGS, Batch, BatchOptions
from rtseg.batch.cluster import Cluster
from rtseg.batch.manifest import Manifest
from rtseg.batch.processes import Processes
from rtseg.sinks.segments import SEGMENT_FRAMES
from tests.films import make_film, packets_of
from tests.test_resume import rows_in

LONG = 5 * SEGMENT_FRAMES + 11


@pytest.fixture(scope="module")
def long_film(tmp_path_factory) -> Path:
    return make_film(tmp_path_factory.mktemp("long") / "long.mp4", frames=LONG)


@pytest.fixture(scope="module")
def drives(tmp_path_factory, videos) -> Path:
    """Three films that can be read, one that ends early and two that cannot be read."""
    folder = tmp_path_factory.mktemp("drives")
    for number in range(3):
        make_film(folder / f"good-{number}.mp4", frames=20 + number)
    whole = (videos / "highway.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 4])
    (folder / "text.mp4").write_text("not a video\n" * 100)
    (folder / "empty.mp4").touch()
    return folder


def batch_for(source, out, backend="simulated", **changes):
    run = RunOptions("", backend=backend, threads=1)
    return Batch(BatchOptions([str(source)], out, endings=ENDINGS, run=run, **changes))


def states_of(batch):
    return {Path(entry.source).stem: entry.state for entry in batch.entries}


def test_bad_files_are_noted_and_a_second_run_does_what_is_missing(drives, tmp_path):
    batch = batch_for(drives, tmp_path / "out")
    batch.run(Processes(2))
    good = {f"good-{number}": "done" for number in range(3)}
    assert states_of(batch) == {**good, "cut": "cut", "text": "failed", "empty": "failed"}
    for number in range(3):
        assert len(packets_of(tmp_path / "out" / f"good-{number}.mp4", "video")[0]) == 20 + number
        assert len(rows_in(tmp_path / "out" / f"good-{number}.parquet")) == 20 + number
    report = batch.report()
    assert report["files"] == {"all": 6, "done_before": 0, "done": 3, "cut": 1, "failed": 2, "left": 0}
    assert any("empty.mp4" in error for error in report["errors"])
    entries = Manifest(tmp_path / "out" / "manifest.jsonl").entries
    assert entries[str(drives / "good-1.mp4")].frames == 21
    assert entries[str(drives / "text.mp4")].error

    again = batch_for(drives, tmp_path / "out")
    assert sorted(clip.path.stem for clip in again.missing) == ["empty", "text"]
    (tmp_path / "out" / "good-0.labels.mkv").unlink()
    make_film(drives / "empty.mp4", frames=5)
    again = batch_for(drives, tmp_path / "out", overwrite=False)
    assert sorted(clip.path.stem for clip in again.missing) == ["empty", "good-0", "text"]


def test_other_options_make_all_again_but_replace_nothing_unasked(drives, tmp_path):
    source = drives / "good-0.mp4"
    batch_for(source, tmp_path).run(Processes(1))
    options = BatchOptions(
        [str(source)], tmp_path, endings=ENDINGS, run=RunOptions("", backend="simulated", opacity=0.9)
    )
    refused = Batch(options)
    refused.run(Processes(1))
    assert states_of(refused) == {"good-0": "failed"}
    assert "--overwrite" in refused.entries[0].error


def test_a_long_film_in_pieces_is_the_same_as_in_one_go(long_film, tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "LEAST_FRAMES", SEGMENT_FRAMES)
    (tmp_path / "one").mkdir()
    places = {
        kind: tmp_path / "one" / f"long{ENDINGS[name]}"
        for kind, name in (("out", "video"), ("labels", "labels"), ("table", "table"))
    }
    with Session(RunOptions(str(long_film), backend="simulated", **places)) as session:
        session.run()

    batch = batch_for(long_film, tmp_path / "out")
    jobs = []
    executor = Processes(2)
    monkeypatch.setattr(executor, "start", lambda job: jobs.append(job) or Processes.start(executor, job))
    batch.run(executor)
    assert states_of(batch) == {"long": "done"}
    assert [job.options.begin for job in jobs] == [*range(0, LONG, 2 * SEGMENT_FRAMES), 0]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "long.labels.mkv", "long.mp4", "long.parquet", "manifest.jsonl",
    ]  # fmt: skip
    made, expected = tmp_path / "out", tmp_path / "one"
    assert (made / "long.mp4").read_bytes() == (expected / "long.mp4").read_bytes()
    assert packets_of(made / "long.labels.mkv", "video") == packets_of(expected / "long.labels.mkv", "video")
    assert rows_in(made / "long.parquet") == rows_in(expected / "long.parquet")
    assert batch.report()["frames"] == LONG


def test_pieces_that_are_made_are_not_made_again(long_film, tmp_path, monkeypatch):
    """The one who hands out the work is killed when two pieces of three are there."""
    monkeypatch.setattr(pieces, "LEAST_FRAMES", SEGMENT_FRAMES)

    class Dying(Processes):
        ended = 0

        def result(self, handle):
            self.ended += 1
            if self.ended == 3:
                raise KeyboardInterrupt
            return super().result(handle)

    with pytest.raises(KeyboardInterrupt):
        batch_for(long_film, tmp_path).run(Dying(2))
    time.sleep(1)
    jobs = []
    executor = Processes(2)
    monkeypatch.setattr(executor, "start", lambda job: jobs.append(job) or Processes.start(executor, job))
    batch = batch_for(long_film, tmp_path)
    batch.run(executor)
    assert len(jobs) == 2  # the third piece, and the joining
    assert states_of(batch) == {"long": "done"}
    assert len(packets_of(tmp_path / "long.mp4", "video")[0]) == LONG
    assert not list(tmp_path.glob(".*"))


def kill_a_child(after_s):
    """Kill the first child process that has begun to write."""
    time.sleep(after_s)
    for child in psutil.Process().children():
        if "resource_tracker" not in " ".join(child.cmdline()):
            child.send_signal(signal.SIGKILL)
            return


def test_what_a_dead_worker_left_is_gone_on_with(long_film, tmp_path):
    batch = batch_for(long_film, tmp_path, backend="simulated:5")
    killer = threading.Timer(0, kill_a_child, [2.5])
    killer.start()
    batch.run(Processes(1))
    killer.join()
    assert states_of(batch) == {"long": "done"}
    assert len(packets_of(tmp_path / "long.mp4", "video")[0]) == LONG


def test_a_worker_that_always_dies_is_given_up(drives, tmp_path):
    batch = batch_for(drives / "good-0.mp4", tmp_path, backend="simulated:1000")
    ended = threading.Event()

    def kill_all():
        while not ended.wait(0.3):
            kill_a_child(0)

    killer = threading.Thread(target=kill_all)
    killer.start()
    batch.run(Processes(1))
    ended.set()
    killer.join()
    assert states_of(batch) == {"good-0": "failed"}
    assert "SIGKILL" in batch.entries[0].error


def test_an_interrupted_batch_ends_in_order_and_goes_on(long_film, tmp_path):
    command = [
        sys.executable,
        "-m",
        "rtseg",
        "batch",
        str(long_film),
        "--out",
        str(tmp_path),
        "--workers",
        "1",
    ]
    process = subprocess.Popen(
        [*command, "--backend", "simulated:20"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    while not (tmp_path / ".long.mp4.resume").exists():
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "run it again" in said
    done = subprocess.run(
        [*command, "--backend", "simulated", "--report", str(tmp_path / "r.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "r.json").read_text())["frames"] == LONG
    assert len(packets_of(tmp_path / "long.mp4", "video")[0]) == LONG
    assert f"[1/1] {long_film}: done" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "nowhere"),
        (("good-0.mp4", "--workers", "2", "--ray", "auto"), "one of them"),
        (("good-0.mp4", "--outputs", "sound"), "--outputs sound"),
        (("good-0.mp4", "--backend", "abacus"), "abacus"),
        (("good-0.mp4", "--ray", "127.0.0.1:1"), "no Ray cluster answers"),
        (("good-0.mp4", "--out", "good-1.mp4/below", "--backend", "simulated"), "cannot be made"),
    ],
)
def test_bad_input_is_refused_before_the_first_frame(drives, tmp_path, arguments, words):
    command = [sys.executable, "-m", "rtseg", "batch", "--out", str(tmp_path / "out"), *arguments]
    begun = time.monotonic()
    done = subprocess.run(command, cwd=drives, capture_output=True, text=True, check=False)
    assert time.monotonic() - begun < 60
    assert done.returncode == 2
    assert words in done.stderr
    assert 1 <= len(done.stderr.strip().splitlines()) <= 2
    assert not (tmp_path / "out").exists()


def test_something_else_at_the_address_is_no_cluster():
    """It listens and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        begun = time.monotonic()
        with pytest.raises(InputError, match="no Ray cluster"):
            Cluster(address, threads=1, gpus=0)
    assert time.monotonic() - begun < 60


def test_a_manifest_survives_a_torn_line(tmp_path):
    path = tmp_path / "manifest.jsonl"
    entry = {
        "source": "a.mp4", "hash": "1", "state": "done", "frames": 3, "seconds": 1.0, "error": None,
        "outputs": {}, "options": {},
    }  # fmt: skip
    path.write_text(json.dumps(entry) + "\n" + json.dumps({**entry, "source": "b.mp4"})[:30])
    manifest = Manifest(path)
    assert list(manifest.entries) == ["a.mp4"]
    manifest.append(manifest.entries["a.mp4"])
    assert list(Manifest(path).entries) == ["a.mp4"]
    assert len(path.read_text().splitlines()) == 3


def test_cores_are_shared_out(drives, tmp_path):
    """As many threads as cores, over all workers."""
    code = (
        "import sys\n"
        "from rtseg.batch.processes import Processes\n"
        "Processes.start = lambda self, job: sys.exit(str(job.options.threads))\n"
        "from rtseg.cli.main import rtseg as command\n"
        f"command.main({['batch', str(drives / 'good-0.mp4'), '--out', str(tmp_path), '--workers', '1']})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip().splitlines()[-1] == str(len(os.sched_getaffinity(0)))

"""`rtseg bench` as a person calls it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from rtseg.cli.bench import bench_command
from rtseg.errors import InputError
from tests.bench.conftest import DRIVE


def test_help_has_examples_that_begin_like_the_command():
    shown = CliRunner().invoke(bench_command, ["--help"])
    assert shown.exit_code == 0
    assert "rtseg bench --compare a.json b.json" in shown.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--html", "-"), "a file of its own"),
        (("--compare", "a.json", "b.json", "clip.mp4"), "measures nothing"),
        (("--compare", "a.json", "b.json"), "no such report"),
        (("--backend", "nonsense"), "no such backend"),
        (("--report", "/nowhere/a.json"), "no such folder"),
    ],
)
def test_bad_usage_is_said_before_anything_is_measured(arguments, words):
    done = CliRunner().invoke(bench_command, arguments)
    assert isinstance(done.exception, InputError)
    assert words in str(done.exception)


@pytest.mark.parametrize("arguments", [("--backend", "a,,b"), ("--precision", "int4"), ("--seconds", "0")])
def test_malformed_values_are_refused(arguments):
    assert CliRunner().invoke(bench_command, arguments).exit_code == 2


@pytest.mark.usefixtures("quickly")
def test_standard_output_is_the_report_alone_and_the_page_is_there(tmp_path):
    page = tmp_path / "a.html"
    arguments = [DRIVE, "--backend", "simulated:1", "--seconds", "1", "--report", "-", "--html", str(page)]
    done = CliRunner().invoke(bench_command, arguments)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["command"] == "bench"
    assert "the whole of rtseg run" in done.stderr
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert list(tmp_path.iterdir()) == [page]


def test_two_reports_are_compared(done, tmp_path):
    path, target = tmp_path / "a.json", tmp_path / "c.json"
    path.write_text(json.dumps(done.report))
    shown = CliRunner().invoke(bench_command, ["--compare", str(path), str(path), "--report", str(target)])
    assert shown.exit_code == 0, shown.output
    assert "0 of" in shown.output
    made = json.loads(target.read_text())
    assert {one["verdict"] for one in made["differences"]} == {"no difference"}


def test_ctrl_c_ends_in_order(tmp_path):
    command = [sys.executable, "-m", "rtseg", "bench", DRIVE, "--backend", "simulated:1", "--seconds", "60"]
    target = tmp_path / "a.json"
    with subprocess.Popen(
        [*command, "--report", str(target)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as process:  # fmt: skip
        until = time.monotonic() + 60
        while not list(tmp_path.glob("rtseg-bench-*")) and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        complaint = process.communicate(timeout=60)[1]
    assert process.returncode == 130, complaint
    assert "Traceback" not in complaint
    assert list(tmp_path.iterdir()) == []

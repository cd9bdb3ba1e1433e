"""The command line as a person meets it: what it prints, what it leaves, what it ends with."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time

import av
import cv2
import numpy as np
import pytest

DRIVE = "synth://160x120@10?seconds=1&seed=3"


def rtseg(*arguments, **changes):
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "rtseg", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, **changes)


def frames_of(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def assert_refused(done, *words):
    """Exit code 2 and one or two plain lines with all the words."""
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert 1 <= len(lines) <= 2, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_a_drive_becomes_a_video_and_a_report(tmp_path):
    done = rtseg(
        "run",
        DRIVE,
        "--backend",
        "simulated",
        "-o",
        tmp_path / "o.mp4",
        "--report",
        tmp_path / "r.json",
        "--legend",
    )
    assert done.returncode == 0, done.stderr
    assert "10 captured, 10 segmented, none dropped" in done.stdout
    assert "end_to_end" in done.stdout
    assert frames_of(tmp_path / "o.mp4") == 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.mp4", "r.json"]
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["schema"] == 1
    assert report["command"] == "run"
    assert report["environment"].keys() >= {
        "rtseg", "python", "platform", "cpu", "gpu", "backend", "backend_version", "commit",
    }  # fmt: skip
    assert report["model"].keys() >= {"name", "precision", "sha256", "input"}
    assert report["source"] == {"uri": DRIVE, "width": 160, "height": 120, "fps": 10.0}
    assert report["mode"] == "file"
    assert report["frames"] == {"captured": 10, "fresh": 10, "propagated": 0, "held": 0, "dropped": {}}
    stages = {"capture", "preprocess", "infer", "colorize", "present", "end_to_end"}
    assert report["latency_ms"].keys() == stages
    assert all(
        figures.keys() >= {"mean", "p50", "p90", "p95", "p99", "max"}
        for figures in report["latency_ms"].values()
    )
    assert report["outputs"] == {"video": str(tmp_path / "o.mp4"), "labels": None, "table": None}
    assert report["seconds"] > 0
    assert report["fps"] > 0


def test_a_report_on_standard_output_is_alone_there():
    done = rtseg("run", DRIVE, "--backend", "simulated", "--report", "-")
    assert json.loads(done.stdout)["frames"]["captured"] == 10
    assert "captured" in done.stderr


def test_the_run_can_be_cut(tmp_path):
    for limit in (("--max-frames", "4"), ("--seconds", "0.4")):
        out = tmp_path / "cut.mp4"
        assert rtseg("run", DRIVE, "--backend", "simulated", "-o", out, "--overwrite", *limit).returncode == 0
        assert frames_of(out) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "nowhere.mp4", "-o", "o.mp4"), ("nowhere.mp4",)),
        (("run", ".", "-o", "o.mp4"), ("folder",)),
        (("run", "empty.mp4", "-o", "o.mp4"), ("empty.mp4", "empty")),
        (("run", "text.mp4", "-o", "o.mp4"), ("text.mp4",)),
        (("run", "rtsp://camera", "-o", "o.mp4"), ("rtsp",)),
        (("run", DRIVE, "-o", "nowhere/o.mp4"), ("nowhere",)),
        (("run", DRIVE, "-o", "o.txt"), ("o.txt",)),
        (("run", DRIVE, "-o", "."), ("folder",)),
        (("run", "clip.mp4", "-o", "clip.mp4"), ("clip.mp4",)),
        (("run", DRIVE), ("-o OUT.mp4",)),
        (("run", DRIVE, "-o", "o.mp4", "--report", "nowhere/r.json"), ("nowhere",)),
        (("run", DRIVE, "-o", "o.mp4", "--report", "o.mp4"), ("cannot be one file",)),
        (("run", DRIVE, "-o", "o.mp4", "--model", "text.onnx"), ("text.onnx", "not an ONNX")),
        (("run", DRIVE, "-o", "o.mp4", "--model", "nowhere.onnx"), ("nowhere.onnx",)),
        (("run", DRIVE, "-o", "o.mp4", "--only", "car,cat"), ("cat", "car")),
        (("run", DRIVE, "-o", "o.mp4", "--opacity", "2"), ("--opacity",)),
        (("run", DRIVE, "-o", "o.mp4", "--precision", "fp8"), ("fp8",)),
        (("run", DRIVE, "-o", "o.mp4", "--backend", "abacus"), ("abacus", "openvino")),
        (("run", DRIVE, "-o", "o.mp4", "--backend", "simulated:x"), ("simulated:x",)),
        (("run", DRIVE, "-o", "o.mp4", "--overlay-on", "gpu"), ("--overlay-on gpu", "--backend tensorrt")),
        (("run", "synth://10", "-o", "o.mp4"), ("synth://",)),
        (("run",), ("SOURCE",)),
        (("fly",), ("fly",)),
        (("synth", "nowhere/o.mp4"), ("nowhere",)),
        (("eval", "--data", "nowhere", "--split", "val", "--backend", "simulated"), ("nowhere",)),
        (("train", "--data", "nowhere", "--out", "run"), ("nowhere",)),
        (("train", "--recipe", "missing.json", "--data", ".", "--out", "run"), ("missing.json",)),
        (("train", "--data", ".", "--out", "run", "--crop", "12"), ("WIDTHxHEIGHT",)),
    ],
)
def test_bad_input_is_refused_in_plain_words_and_nothing_is_written(tmp_path, videos, arguments, words):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a video\n" * 100)
    (tmp_path / "text.onnx").write_text("not a model\n" * 100)
    (tmp_path / "clip.mp4").write_bytes((videos / "tenbit.mp4").read_bytes())
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    if arguments[0] == "run" and "--backend" not in arguments and "--model" not in arguments:
        arguments = (*arguments, "--backend", "simulated")
    assert_refused(rtseg(*arguments, cwd=tmp_path), *words)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_labels_of_another_size_are_refused_by_eval(tmp_path):
    for folder, shape in (("val", (360, 480, 3)), ("valannot", (180, 240))):
        (tmp_path / folder).mkdir()
        assert cv2.imwrite(str(tmp_path / folder / "0.png"), np.zeros(shape, np.uint8))
    report = tmp_path / "r.json"
    done = rtseg("eval", "--data", tmp_path, "--split", "val", "--backend", "simulated", "--report", report)
    assert_refused(done, "valannot", "same size")
    assert not report.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_a_film_that_plays_and_its_report(tmp_path, number):
    out, report = tmp_path / "o.mp4", tmp_path / "r.json"
    command = [
        sys.executable,
        "-m",
        "rtseg",
        "run",
        "synth://160x120@10?seconds=600",
        "--backend",
        "simulated:30",
    ]
    process = subprocess.Popen(
        [*command, "-o", str(out), "--report", str(report)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".o.mp4*.part")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.5)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "interrupted" in said
    assert "--resume" in said
    assert "Traceback" not in said
    frames = json.loads(report.read_text())["frames"]
    assert frames["captured"] == frames["fresh"] + sum(frames["dropped"].values())
    assert frames_of(out) == frames["fresh"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [".o.mp4.resume", "o.mp4", "r.json"]


def test_a_full_disk_ends_with_code_3_and_what_is_written_plays(tmp_path):
    def limit_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    done = rtseg(
        "run", "synth://320x240@10?seconds=60", "--backend", "simulated", "-o", tmp_path / "o.mp4",
        preexec_fn=limit_files,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert frames_of(tmp_path / "o.mp4") > 10
    assert sorted(path.name for path in tmp_path.iterdir()) == [".o.mp4.resume", "o.mp4"]


def test_a_source_that_ends_early_ends_with_code_3_and_keeps_its_frames(tmp_path, videos):
    cut = tmp_path / "cut.mp4"
    whole = (videos / "highway.mp4").read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    done = rtseg(
        "run", cut, "--backend", "simulated", "-o", tmp_path / "o.mp4", "--report", tmp_path / "r.json"
    )
    assert done.returncode == 3, done.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    assert frames_of(tmp_path / "o.mp4") == report["frames"]["fresh"] > 10
    assert report["errors"]


def test_damage_on_the_way_is_a_warning(tmp_path, videos):
    done = rtseg("run", videos / "truncated.mp4", "--backend", "simulated", "-o", tmp_path / "o.mp4")
    assert done.returncode == 0, done.stderr
    assert "warning:" in done.stderr
    assert frames_of(tmp_path / "o.mp4") >= 28


def test_eval_reports_schema_1(tmp_path, camvid):
    done = rtseg(
        "eval", "--data", camvid, "--split", "val", "--backend", "simulated", "--report", tmp_path / "r.json"
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["command"] == "eval"
    assert report["schema"] == 1
    assert report["images"] == 101
    assert report["miou"] == pytest.approx(sum(report["iou"].values()) / len(report["iou"]))
    assert 0 < report["boundary_miou"] < report["miou"]
    assert f"{report['miou']:.4f}" in done.stdout
    assert f"{report['boundary_miou']:.4f}" in done.stdout


def test_the_networks_are_listed_with_what_they_cost():
    done = rtseg("models", "--nets")
    assert done.returncode == 0, done.stderr
    rows = {tuple(words[:2]): words[2:] for line in done.stdout.splitlines() if (words := cells(line))}
    assert float(rows["unet", "lite0"][1]) == pytest.approx(2.11, abs=0.01)
    assert int(rows["stack", "none"][0].replace(",", "")) < 20_000
    assert {("gcn", "lite0"), ("unet", "lite2"), ("unet", "plain")} < set(rows)


def cells(line: str) -> list[str]:
    return line.replace("│", " ").replace("|", " ").split()


def test_synth_writes_a_film_and_labels(tmp_path):
    done = rtseg(
        "synth",
        tmp_path / "d.mp4",
        "--size",
        "160x120",
        "--fps",
        "5",
        "--seconds",
        "1",
        "--labels",
        tmp_path / "l",
    )
    assert done.returncode == 0, done.stderr
    assert frames_of(tmp_path / "d.mp4") == 5
    assert len(list((tmp_path / "l").glob("*.png"))) == 5


@pytest.mark.parametrize(
    "command", ["run", "batch", "eval", "train", "export", "quantize", "synth", "models", "doctor"]
)
def test_each_command_has_help_with_an_example(command):
    done = rtseg(command, "--help")
    assert done.returncode == 0
    assert f"  rtseg {command}" in done.stdout.split("Example", 1)[1]


def test_help_loads_no_library():
    """Neither `import rtseg` nor `rtseg --help` loads what a run works with."""
    code = (
        "import sys, rtseg\n"
        "from rtseg.cli.main import rtseg as command\n"
        "command.main(['--help'], standalone_mode=False)\n"
        "heavy = {'numpy', 'cv2', 'av', 'onnxruntime', 'openvino', 'torch', 'onnx', 'rich'}\n"
        "sys.exit(', '.join(sorted(heavy & sys.modules.keys())) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_run_loads_neither_torch_nor_training():
    arguments = ["run", DRIVE, "--backend", "simulated", "--report", "-"]
    code = (
        "import sys\n"
        "from rtseg.cli.main import rtseg as command\n"
        f"command.main({arguments}, standalone_mode=False)\n"
        "bad = [name for name in sys.modules if name == 'torch' or name.startswith('rtseg.training')]\n"
        "sys.exit(', '.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_fault_of_ours_is_one_plain_message(tmp_path):
    """What nobody foresaw: here, a library of the wrong kind."""
    (tmp_path / "av.py").write_text("raise RuntimeError('from outer space')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = rtseg("run", DRIVE, "--backend", "simulated", "-o", tmp_path / "o.mp4", env=environment)
    assert done.returncode == 1
    assert "fault of rtseg" in done.stderr
    assert "from outer space" in done.stderr
    assert "Traceback" not in done.stderr

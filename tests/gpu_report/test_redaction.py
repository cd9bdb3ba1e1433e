"""What does not leave the machine."""

from __future__ import annotations

import platform

import pytest

from rtseg.gpu_report import tools
from rtseg.gpu_report.live import private
from rtseg.gpu_report.redaction import Redaction, without_identifying_lines


@pytest.fixture
def redaction(monkeypatch):
    monkeypatch.setenv("HOME", "/home/rider")
    monkeypatch.setenv("LOGNAME", "rider")
    monkeypatch.setattr(platform, "node", lambda: "lab7.example.org")
    return Redaction.here({"/mnt/films/street.mp4": "….mp4"})


def test_paths_names_and_numbers_are_replaced(redaction):
    text = (
        "/home/rider/x.onnx by rider on lab7.example.org (lab7), /mnt/films/street.mp4: "
        "GPU-3e9a2b1c-0d4f-4a6b-8c7d-1234567890ab"
    )
    assert redaction.text(text) == "~/x.onnx by <user> on <host> (<host>), ….mp4: <uuid>"


def test_words_that_only_begin_so_stay(redaction):
    assert redaction.text("riders, /home/riders, lab70, Rider") == "riders, /home/riders, lab70, Rider"


def test_texts_in_json_but_not_the_names_of_entries(redaction):
    assert redaction.json({"rider": ["rider", 1, None, ("/home/rider",)]}) == {
        "rider": ["<user>", 1, None, ["~"]]
    }


def test_names_that_are_no_ones_stay(monkeypatch):
    monkeypatch.setenv("LOGNAME", "nvidia")
    monkeypatch.setattr(platform, "node", lambda: "ubuntu")
    assert Redaction.here().text("nvidia-smi of nvidia on ubuntu") == "nvidia-smi of nvidia on ubuntu"


def test_lines_of_a_tool_that_tell_which_machine_it_is():
    text = "Name : RTX\n    Serial Number : 132\n    GPU UUID : GPU-1\nBoard ID: 0x1\n    Power Draw : 9 W"
    assert without_identifying_lines(text) == "Name : RTX\n    Power Draw : 9 W"


def test_who_compiled_the_kernel_module_is_not_told(monkeypatch, tmp_path):
    version = tmp_path / "version"
    version.write_text(
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  (rider@lab7)  \n"
        "GCC version:  gcc version 13.3.0\n"
    )
    monkeypatch.setattr("rtseg.gpu_report.tools._DRIVER", version)
    told = tools.driver()
    assert told == "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build"


@pytest.mark.parametrize(
    ("source", "told"),
    [("rtsp://rider:secret@door/1", "rtsp://…"), ("/films/street.mp4", "….mp4"), ("0", "…")],
)
def test_of_a_source_only_its_kind_is_told(source, told):
    assert private(source) == told

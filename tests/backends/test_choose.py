"""Backends by name."""

from __future__ import annotations

import importlib.metadata
import sys

import pytest

from rtseg.backends import BACKENDS, backend_class, choose, installed
from rtseg.errors import InputError, MissingDependencyError
from rtseg.metadata import PRECISIONS


def without(monkeypatch, *missing):
    """Make the packages `missing` look as if they were not installed."""
    real = importlib.metadata.version

    def version(distribution):
        if distribution in missing:
            raise importlib.metadata.PackageNotFoundError(distribution)
        return real(distribution)

    monkeypatch.setattr(importlib.metadata, "version", version)


def test_the_names_are_those_of_the_design_best_first():
    assert BACKENDS == ("openvino", "onnxruntime", "torch", "tensorrt", "simulated")
    assert [backend_class(name).name for name in BACKENDS] == list(BACKENDS)


@pytest.mark.parametrize("name", BACKENDS)
def test_every_precision_has_a_place_in_the_preferences(name):
    assert sorted(backend_class(name).preferred_precisions) == sorted(PRECISIONS)


def test_openvino_prefers_int8_and_onnxruntime_does_not():
    assert backend_class("openvino").preferred_precisions[0] == "int8"
    assert backend_class("onnxruntime").preferred_precisions[0] == "fp32"


@pytest.mark.parametrize(
    ("missing", "chosen"),
    [
        ((), "openvino"),
        (("openvino",), "onnxruntime"),
        (("openvino", "onnxruntime"), "torch"),
    ],
)
def test_auto_takes_the_best_that_is_installed(monkeypatch, missing, chosen):
    without(monkeypatch, *missing)
    assert choose("auto").name == chosen


@pytest.mark.parametrize("library", ["torch", "onnx"])
def test_auto_never_pretends(monkeypatch, library):
    without(monkeypatch, "openvino", "onnxruntime", library)
    with pytest.raises(MissingDependencyError, match="pip install openvino"):
        choose("auto")


@pytest.mark.parametrize("name", ["tensorflow", "OpenVINO", ""])
def test_an_unknown_name_lists_the_known_ones(name):
    with pytest.raises(InputError, match="Choose auto, openvino, onnxruntime, torch, tensorrt, simulated"):
        choose(name)


def test_versions_are_told_without_importing(monkeypatch):
    without(monkeypatch, "openvino")
    versions = installed()
    assert versions["openvino"] is None
    assert versions["onnxruntime"] == importlib.metadata.version("onnxruntime")


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_a_missing_runtime_is_said_when_it_is_opened(monkeypatch, tiny, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=f"pip install {name}"):
        choose(name)(tiny["fp32"]).open()


def test_a_missing_torch_is_said_with_the_extra(monkeypatch, tiny):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match="pip install 'torch>="):
        choose("torch")(tiny["fp32"]).open()

"""Models that OpenVINO has compiled: kept, taken again, and not taken from others."""

from __future__ import annotations

import os

import numpy as np
import pytest

from rtseg.backends import compiled
from rtseg.backends.openvino import OpenVinoBackend
from rtseg.model import Model, engines_dir
from tests.models import metadata, save, strongest_colour

SIZE = (6, 8)


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "rtseg" / "openvino"


@pytest.fixture
def model(tmp_path):
    return Model.read(save(strongest_colour(SIZE), tmp_path / "m.onnx", metadata("fp32", SIZE)))


@pytest.fixture
def compilations(monkeypatch):
    """One entry for each that was loaded."""
    loaded = []
    load = compiled._loaded

    def noted(*arguments):
        loaded.append(load(*arguments) is not None)
        return load(*arguments)

    monkeypatch.setattr(compiled, "_loaded", noted)
    return loaded


def labels_of(model, seed=1):
    image = np.random.default_rng(seed).integers(0, 256, (*model.input_hw, 3), np.uint8)
    with OpenVinoBackend(model, threads=1) as backend:
        return backend.infer(image)


def test_the_second_time_it_is_loaded_and_labels_alike(cache, compilations):
    model = Model.read(engines_dir() / "rtseg-m" / "int8.onnx")
    first, second = labels_of(model), labels_of(model)
    assert compilations == [False, True]
    assert np.array_equal(first, second)
    assert [path.suffix for path in cache.iterdir()] == [".blob"]
    assert cache.stat().st_mode & 0o777 == 0o700


def test_other_settings_and_a_changed_model_have_their_own(cache, model, tmp_path):
    labels_of(model)
    with OpenVinoBackend(model, threads=2, streams=2):
        pass
    changed = save(strongest_colour(SIZE), tmp_path / "m.onnx", metadata("fp32", SIZE) | {"name": "x"})
    labels_of(Model.read(changed))
    assert len(list(cache.iterdir())) == 3


def test_a_model_that_was_exchanged_meanwhile_is_not_kept(cache, model, tmp_path):
    save(strongest_colour(SIZE), tmp_path / "m.onnx", metadata("fp32", SIZE) | {"name": "x"})
    labels_of(model)
    assert not cache.exists()


@pytest.mark.parametrize("damage", [lambda path: path.chmod(0o666), lambda path: path.write_bytes(b"no")])
def test_what_is_damaged_or_open_to_others_is_made_anew(cache, model, compilations, damage):
    labels_of(model)
    (kept,) = cache.iterdir()
    damage(kept)
    labels_of(model)
    labels_of(model)
    assert compilations == [False, False, True]
    assert kept.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("place", ["/proc/nowhere", "file"])
def test_a_cache_that_cannot_be_written_costs_time_only(monkeypatch, model, tmp_path, place):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / place))
    assert labels_of(model).shape == SIZE


def test_those_used_longest_ago_go_first(cache, monkeypatch, model):
    monkeypatch.setattr(compiled, "MOST_KEPT", 2)
    labels_of(model)
    (first,) = cache.iterdir()
    os.utime(first, (1, 1))
    for streams in (2, 3):
        with OpenVinoBackend(model, threads=1, streams=streams):
            pass
    assert len(list(cache.iterdir())) == 2
    assert not first.exists()

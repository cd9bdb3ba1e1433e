"""The models that ship: complete, small, described, and as good in INT8 as in FP32."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction

import numpy as np
import pytest

from rtseg.backends import backend_class
from rtseg.classes import CAMVID
from rtseg.cli.make import train_command
from rtseg.cli.recipe_file import defaults_from_file
from rtseg.model import DEFAULT_MODEL, engines_dir, find_model, shipped_models
from rtseg.sources.drive import render
from rtseg.training.confusion import ConfusionMatrix
from rtseg.training.data import LabelledFolder, image_at, labels_at
from rtseg.training.evaluate import evaluate

PRECISIONS = ("fp32", "fp16", "int8")


@pytest.fixture(scope="module", params=sorted({model.name for model in shipped_models()}))
def name(request):
    """What a shipped model is called."""
    return request.param


@pytest.fixture(scope="module")
def scores(camvid, name):
    """mIoU of a model on every tenth frame of val, by precision and backend."""
    folder = LabelledFolder(camvid, "val", CAMVID, every=10)
    found = {}
    for precision in PRECISIONS:
        for runtime in ("openvino", "onnxruntime"):
            with backend_class(runtime)(find_model(name, precision, ())) as backend:
                found[precision, runtime] = evaluate(backend, folder).confusion.miou()
    return found


def test_the_default_is_shipped():
    assert find_model(None, "int8", ()).name == DEFAULT_MODEL


def test_three_precisions_under_sixteen_megabytes(name):
    models = [model for model in shipped_models() if model.name == name]
    assert [model.precision for model in models] == list(PRECISIONS)
    assert sum(model.path.stat().st_size for model in models) < 16e6


def test_files_name_their_parents(name):
    fp32, fp16, int8 = (find_model(name, precision, ()) for precision in PRECISIONS)
    assert int8.parent_sha256 == fp32.sha256
    assert fp16.parent_sha256 == fp32.parent_sha256
    calibration = engines_dir().parent / "calib" / name / "calibration.json"
    if calibration.is_file():  # in a checkout, not in a wheel
        assert int8.calibration_sha256 == hashlib.sha256(calibration.read_bytes()).hexdigest()
        assert len(json.loads(calibration.read_text())["frames"]) == 128


def test_the_calibration_frames_are_those_listed(camvid, name):
    listed = json.loads((engines_dir().parent / "calib" / name / "calibration.json").read_text())
    for frame in listed["frames"]:
        assert hashlib.sha256((camvid / frame["path"]).read_bytes()).hexdigest() == frame["sha256"]


def test_the_card_names_every_file_by_its_hash(name):
    card = (engines_dir() / name / "README.md").read_text()
    for precision in PRECISIONS:
        assert find_model(name, precision, ()).sha256 in card


def test_the_recipe_is_one_of_training(name):
    recipe = engines_dir() / name / "recipe.json"
    assert (
        defaults_from_file(recipe, train_command)["data_licence"] == find_model(name, "fp32", ()).data_licence
    )


def test_scores_hold_in_every_precision_and_runtime(scores):
    reference = scores["fp32", "openvino"]
    assert reference > 0.6
    for key, miou in scores.items():
        assert miou == pytest.approx(reference, abs=0.012), key


def test_the_synthetic_drive_is_labelled_sensibly(name):
    """Of a drive that training never saw, as the demo renders it."""
    confusion = ConfusionMatrix(CAMVID)
    with backend_class("openvino")(find_model(name, "int8", ())) as backend:
        for index in (0, 100, 200):
            image, truth = render(480, 360, Fraction(30), 0, index)
            ids = backend.infer(image_at(np.ascontiguousarray(image), backend.model.input_hw))
            confusion.add(truth, labels_at(ids, truth.shape))
    assert confusion.pixel_accuracy() > 0.85
    iou = confusion.iou()
    assert min(iou["road"], iou["sky"], iou["building"], iou["car"]) > 0.7

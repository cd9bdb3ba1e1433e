"""Reading model files, good and broken, and finding them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from onnx import TensorProto

import rtseg.model
from rtseg.classes import CAMVID
from rtseg.errors import ModelError
from rtseg.metadata import METADATA_KEYS
from rtseg.model import DEFAULT_MODEL, Model, engines_dir, find_model, shipped_models
from tests.models import metadata, save, strongest_colour

SIZE = (6, 8)


def write(path: Path, precision: str = "fp32", **changed: str) -> Path:
    return save(strongest_colour(SIZE), path, {**metadata(precision, SIZE), **changed})


def refusal(path: Path) -> str:
    """What a person reads when the file is refused; plain, and about that file."""
    with pytest.raises(ModelError) as caught:
        Model.read(path)
    message = str(caught.value)
    assert str(path) in message
    assert len(message.splitlines()) <= 2
    return message


def test_a_model_says_what_its_file_says(tmp_path):
    path = write(tmp_path / "m.onnx")
    model = Model.read(path)
    assert (model.path, model.name, model.version, model.precision) == (path, "tiny", "3", "fp32")
    assert model.classes == CAMVID
    assert model.input_hw == SIZE
    assert (model.data, model.data_licence) == ("CamVid, eight frames", "non-commercial")
    assert model.scores["iou"] == {"sky": 0.5}
    assert (model.parent_sha256, model.calibration_sha256) == ("none", "none")
    assert model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    assert "no such file" in refusal(tmp_path / "absent.onnx")
    assert "is a folder" in refusal(tmp_path)


@pytest.mark.parametrize("kept", [0.3, 0.97])
def test_a_file_cut_short_is_refused(tmp_path, kept):
    path = write(tmp_path / "m.onnx")
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    assert "cut short" in refusal(path)


@pytest.mark.parametrize("content", [b"", b"no model, just text\n", bytes(range(256))])
def test_a_file_that_is_not_onnx_is_refused(tmp_path, content):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    assert "not an ONNX file" in refusal(path)


def test_a_graph_that_cannot_be_run_is_refused(tmp_path):
    model = strongest_colour(SIZE)
    model.graph.node[1].op_type = "Frobnicate"
    assert "Frobnicate" in refusal(save(model, tmp_path / "m.onnx", metadata("fp32", SIZE)))


@pytest.mark.parametrize("key", METADATA_KEYS)
def test_each_missing_key_is_named(tmp_path, key):
    entries = metadata("fp32", SIZE)
    del entries[key]
    assert f"lacks {key}." in refusal(save(strongest_colour(SIZE), tmp_path / "m.onnx", entries))


def test_a_file_without_metadata_is_refused(tmp_path):
    assert ", ".join(METADATA_KEYS) in refusal(save(strongest_colour(SIZE), tmp_path / "m.onnx", {}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("precision", "int4"),
        ("classes", "sky, road"),
        ("classes", "[]"),
        ("classes", "[1, 2]"),
        ("palette", "[[0, 0, 0]]"),
        ("palette", json.dumps([[0, 0, 256]] * len(CAMVID))),
        ("input", "[6, 8, 3]"),
        ("input", "[0, 8]"),
        ("input", '"6x8"'),
        ("scores", "0.64"),
        ("scores", "{"),
    ],
)
def test_metadata_that_cannot_be_read_is_refused(tmp_path, key, value):
    message = refusal(write(tmp_path / "m.onnx", **{key: value}))
    assert repr(key) in message
    assert value[:10] in message


@pytest.mark.parametrize(
    ("changed", "found", "wanted"),
    [
        ({"image": "x"}, "x uint8 [1, 6, 8, 3]", "image uint8 [1, 6, 8, 3]"),
        ({"image_type": TensorProto.FLOAT}, "image float [1, 6, 8, 3]", "image uint8 [1, 6, 8, 3]"),
        ({"image_shape": [1, 8, 6, 3]}, "image uint8 [1, 8, 6, 3]", "image uint8 [1, 6, 8, 3]"),
        ({"image_shape": [1, "H", "W", 3]}, "image uint8 [1, H, W, 3]", "image uint8 [1, 6, 8, 3]"),
        ({"labels": "classes"}, "classes uint8 [1, 6, 8]", "labels uint8 [1, 6, 8]"),
        ({"labels_type": TensorProto.INT64}, "labels int64 [1, 6, 8]", "labels uint8 [1, 6, 8]"),
    ],
)
def test_another_input_or_output_is_refused_and_both_are_said(tmp_path, changed, found, wanted):
    path = save(strongest_colour(SIZE, **changed), tmp_path / "m.onnx", metadata("fp32", SIZE))
    message = refusal(path)
    assert found in message
    assert wanted in message


@pytest.fixture
def engines(tmp_path, monkeypatch) -> Path:
    """A folder of shipped models: the default at three precisions, another at one."""
    for name, precisions in {DEFAULT_MODEL: ("fp32", "fp16", "int8"), "fcn": ("fp32",)}.items():
        for precision in precisions:
            write(tmp_path / "engines" / name / f"{precision}.onnx", precision, name=name)
    (tmp_path / "engines" / "notes").mkdir()
    monkeypatch.setattr(rtseg.model, "engines_dir", lambda: tmp_path / "engines")
    return tmp_path / "engines"


@pytest.mark.usefixtures("engines")
def test_shipped_models_are_sorted():
    found = [(model.name, model.precision) for model in shipped_models()]
    assert found == [("fcn", "fp32"), *((DEFAULT_MODEL, precision) for precision in ("fp32", "fp16", "int8"))]


@pytest.mark.parametrize(
    ("asked", "precision", "preferred", "found"),
    [
        (None, "auto", ("int8", "fp32"), f"{DEFAULT_MODEL}/int8.onnx"),
        (None, "fp16", ("int8", "fp32"), f"{DEFAULT_MODEL}/fp16.onnx"),
        ("fcn", "auto", ("int8", "fp32"), "fcn/fp32.onnx"),
        ("fcn", "fp32", ("int8",), "fcn/fp32.onnx"),
    ],
)
def test_shipped_models_are_found_by_name(engines, asked, precision, preferred, found):
    assert find_model(asked, precision, preferred).path == engines / found


def test_folders_and_files_are_found_by_path(engines):
    folder = engines / DEFAULT_MODEL
    assert find_model(folder, "auto", ("fp16",)).path == folder / "fp16.onnx"
    assert find_model(str(folder / "int8.onnx"), "auto", ("fp32",)).precision == "int8"
    assert find_model(folder / "int8.onnx", "int8", ("fp32",)).precision == "int8"


@pytest.mark.parametrize(
    ("asked", "precision", "words"),
    [
        ("fcn", "int8", "it has fp32."),
        ("fcn", "int4", "Choose auto, fp32, fp16, int8."),
        ("resnet", "auto", f"Shipped: fcn, {DEFAULT_MODEL};"),
        ("absent/m.onnx", "auto", "no such file"),
        ("{engines}/fcn/fp32.onnx", "int8", "is fp32, not int8."),
        ("{engines}/notes", "auto", "holds no model."),
    ],
)
def test_what_cannot_be_found_is_said(engines, asked, precision, words):
    with pytest.raises(ModelError) as caught:
        find_model(asked.format(engines=engines), precision, ("fp32", "int8"))
    assert words in str(caught.value)


def test_without_shipped_models_the_default_is_refused_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(rtseg.model, "engines_dir", lambda: tmp_path / "nothing")
    assert shipped_models() == []
    with pytest.raises(ModelError, match="Shipped: none"):
        find_model(None, "auto", ("fp32",))


def test_in_a_checkout_the_engines_lie_beside_the_package():
    assert engines_dir() == Path(__file__).resolve().parent.parent / "engines"


def test_importing_model_and_backends_loads_no_runtime():
    heavy = ["numpy", "cv2", "av", "onnx", "onnxruntime", "openvino", "torch"]
    code = f"import sys, rtseg.model, rtseg.backends; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

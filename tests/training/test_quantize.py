from __future__ import annotations

import hashlib
import json

import numpy as np
import onnx
import pytest

from rtseg.classes import CAMVID
from rtseg.errors import DataError, ModelError, OutputError
from rtseg.model import Model
from rtseg.tensorrt.onnx_file import weights_as_float
from rtseg.training import judge, ranges
from rtseg.training.calibration import choose_frames
from rtseg.training.data import LabelledFolder
from rtseg.training.histogram import BINS, Histogram
from rtseg.training.insert_qdq import activation_edges, head_names, int8_from_float, int8_from_weights
from rtseg.training.onnx_files import arrays
from rtseg.training.quantize import quantize_model
from tests.training.conftest import export


@pytest.fixture(scope="module")
def calib_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("calib") / "fitted"


@pytest.fixture(scope="module")
def quantized(fp32_path, train, val, calib_dir, tmp_path_factory):
    out = tmp_path_factory.mktemp("quantized") / "int8.onnx"
    return quantize_model(fp32_path, out, data=train, holdout=val, calib_dir=calib_dir, frames=8)


def labels_of(model, data, **options):
    return judge.label_all(model, data, range(len(data)), judge.quiet, "", **options)


def test_int8_labels_real_frames_nearly_as_fp32_does(quantized):
    best = quantized.methods[quantized.chosen]
    assert best.miou == max(judged.miou for judged in quantized.methods.values())
    assert best.agreement > 0.93
    assert best.pixel_accuracy > quantized.fp32.pixel_accuracy - 0.02
    assert quantized.fp32.agreement == 1.0


def test_runtimes_run_the_file_as_it_is_meant(quantized, val):
    """Saturating sums and a Q that OpenVINO misplaces behind a Concat each cost several per cent here."""
    model = onnx.load(quantized.path)
    meant = labels_of(model, val, exact=True)
    openvino = judge.label_all_openvino(model, val, range(len(val)), judge.quiet)
    assert judge.agreement(openvino, meant) > 0.985
    assert judge.agreement(labels_of(model, val), meant) > 0.985
    assert set(quantized.runtimes) == {"onnxruntime", "openvino"}


def test_the_file_says_where_it_comes_from(quantized, fp32_path, calib_dir):
    model, parent = Model.read(quantized.path), Model.read(fp32_path)
    assert model.precision == "int8"
    assert (model.name, model.version, model.input_hw) == (parent.name, parent.version, parent.input_hw)
    assert model.parent_sha256 == parent.sha256
    calibration = (calib_dir / "calibration.json").read_bytes()
    assert model.calibration_sha256 == hashlib.sha256(calibration).hexdigest()
    assert model.scores["miou"] == quantized.methods[quantized.chosen].miou
    assert model.scores["split"] == "val"
    assert quantized.size_bytes < 0.6 * fp32_path.stat().st_size


def test_the_calibration_list_names_real_frames(quantized, calib_dir, few_frames):
    assert quantized.calibration_frames == 8
    frames = json.loads((calib_dir / "calibration.json").read_text())["frames"]
    assert len({frame["path"] for frame in frames}) == 8
    for frame in frames:
        content = (few_frames / frame["path"]).read_bytes()
        assert frame["sha256"] == hashlib.sha256(content).hexdigest()


def test_the_report_has_scores_before_and_after(quantized, calib_dir):
    report = json.loads((calib_dir / "report.json").read_text())
    assert report["chosen"] == quantized.chosen
    assert set(report["methods"]) == {"minmax", "entropy", "percentile"}
    assert report["fp32"]["miou"] == quantized.fp32.miou
    for judged in (report["fp32"], *report["methods"].values(), *report["runtimes"].values()):
        assert set(judged) == {"miou", "pixel_accuracy", "iou", "agreement"}
    assert report["holdout"] == {"split": "val", "frames": 6}
    assert "onnxruntime" in report["versions"]


def test_the_ranges_rebuild_the_file(quantized, calib_dir, fp32_path):
    stored = json.loads((calib_dir / "ranges.json").read_text())
    model = weights_as_float(onnx.load(fp32_path))
    rebuilt = int8_from_float(model, stored["ranges"][stored["chosen"]])
    assert rebuilt.graph.SerializeToString() == onnx.load(quantized.path).graph.SerializeToString()


def test_same_seed_same_frames_and_other_seed_others(train):
    assert choose_frames(train, 8, 0) == choose_frames(train, 8, 0)
    assert choose_frames(train, 8, 0) != choose_frames(train, 8, 1)
    assert len(set(choose_frames(train, 8, 0))) == 8


def test_frames_calibrated_on_do_not_judge(fp32_path, train, tmp_path):
    result = quantize_model(
        fp32_path, tmp_path / "m.onnx", data=train, calib_dir=tmp_path / "calib", frames=10
    )
    assert result.holdout_frames == 2
    with pytest.raises(DataError, match="none is left to judge by"):
        quantize_model(fp32_path, tmp_path / "n.onnx", data=train, calib_dir=tmp_path / "calib", frames=12)


def test_bad_input_is_refused_before_anything_is_written(fp32_path, fitted_checkpoint, train, val, tmp_path):
    wanted = {"data": train, "holdout": val, "calib_dir": tmp_path / "calib", "frames": 8}
    with pytest.raises(DataError, match="holds 12 frames, but 13"):
        quantize_model(fp32_path, tmp_path / "m.onnx", **{**wanted, "frames": 13})
    with pytest.raises(OutputError, match="does not exist"):
        quantize_model(fp32_path, tmp_path / "nowhere" / "m.onnx", **wanted)
    with pytest.raises(OutputError, match="does not exist"):
        quantize_model(fp32_path, tmp_path / "m.onnx", **{**wanted, "calib_dir": tmp_path / "a" / "b"})
    with pytest.raises(ModelError):
        quantize_model(fitted_checkpoint, tmp_path / "m.onnx", **wanted)
    assert not list(tmp_path.iterdir())


def test_only_fp32_is_quantised(fitted_checkpoint, train, val, tmp_path):
    fp16 = export(fitted_checkpoint, tmp_path / "fp16.onnx", val, "fp16").path
    with pytest.raises(ModelError, match="is fp16"):
        quantize_model(fp16, tmp_path / "m.onnx", data=train, calib_dir=tmp_path / "calib", frames=8)


def test_an_unreadable_frame_is_named(fp32_path, few_frames, val, tmp_path):
    broken = tmp_path / "data"
    for folder in ("train", "trainannot"):
        (broken / folder).mkdir(parents=True)
    source = next((few_frames / "train").glob("*.png"))
    (broken / "train" / source.name).write_bytes(b"not a picture")
    (broken / "trainannot" / source.name).write_bytes((few_frames / "trainannot" / source.name).read_bytes())
    data = LabelledFolder(broken, "train", CAMVID)
    with pytest.raises(DataError, match=source.name):
        quantize_model(
            fp32_path, tmp_path / "m.onnx", data=data, holdout=val, calib_dir=tmp_path / "calib", frames=1
        )
    assert not (tmp_path / "m.onnx").exists()


def test_weights_are_close_and_their_neighbours_cannot_saturate(fp32_path):
    weights = [w for w in arrays(weights_as_float(onnx.load(fp32_path))).values() if w.ndim == 4]
    assert len(weights) == 51
    for values in weights:
        stored, scales = int8_from_weights(values)
        back = stored * scales.reshape(-1, 1, 1, 1)
        assert np.all(np.abs(back - values) <= 0.5001 * scales.reshape(-1, 1, 1, 1))
        steps = stored.astype(int)
        for left, right in zip(steps[:, 0:-1:2].swapaxes(0, 1), steps[:, 1::2].swapaxes(0, 1), strict=True):
            assert np.abs(255 * np.where(left * right > 0, left + right, 0)).max() < 2**15


def test_depthwise_weights_use_all_of_int8_and_dead_channels_have_a_scale():
    depthwise = np.random.default_rng(0).normal(size=(8, 1, 3, 3)).astype(np.float32)
    depthwise[3] = 0
    stored, scales = int8_from_weights(depthwise)
    largest = np.abs(stored.astype(int)).reshape(8, -1).max(axis=1)
    assert largest.tolist() == [127, 127, 127, 0, 127, 127, 127, 127]
    assert (scales > 0).all()


def test_what_is_quantised_in_the_u_net(fp32_path):
    model = weights_as_float(onnx.load(fp32_path))
    edges = activation_edges(model)
    assert head_names(model) == {"/head/Conv", "/Conv"}  # /Conv is place_means
    nodes = {node.name: node for node in model.graph.node}
    on_convs = [name for places in edges.values() for name, _ in places if nodes[name].op_type == "Conv"]
    on_adds = [name for places in edges.values() for name, _ in places if nodes[name].op_type == "Add"]
    assert len(on_convs) == 49
    assert len(on_adds) == sum(node.op_type == "Add" for node in model.graph.node) == len(set(on_adds))


def test_a_histogram_keeps_every_value_as_its_range_grows():
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=5000).astype(np.float32) * spread for spread in (0.5, 3.0, 1.0, 40.0)]
    histogram = Histogram()
    for part in parts:
        histogram.add(part.reshape(50, 100))
    everything = np.abs(np.concatenate(parts))
    assert histogram.largest == everything.max()
    expected, _ = np.histogram(everything, BINS, (0, histogram.top))
    assert histogram.counts.sum() == everything.size
    assert np.abs(np.cumsum(histogram.counts) - np.cumsum(expected)).max() <= 2


def histogram_of(values):
    histogram = Histogram()
    histogram.add(np.asarray(values, dtype=np.float32))
    return histogram


def test_ranges_of_known_distributions():
    rng = np.random.default_rng(0)
    outlier = histogram_of([*rng.normal(size=200_000), 40.0])
    assert ranges.minmax(outlier) == 40.0
    assert 3.5 < ranges.percentile(outlier) < 4.5
    assert 2.5 < ranges.entropy(outlier) < 10.0
    even = histogram_of(rng.uniform(-6, 6, size=200_000))
    for method in ranges.METHODS.values():
        assert method(even) == pytest.approx(6.0, rel=0.02)
    nothing = histogram_of(np.zeros(100))
    assert [method(nothing) for method in ranges.METHODS.values()] == [0.0, 0.0, 0.0]

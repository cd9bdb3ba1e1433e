from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from rtseg.classes import CAMVID
from rtseg.errors import InputError, ModelError, OutputError
from rtseg.model import Model
from rtseg.runtimes import load_openvino
from rtseg.tensorrt.onnx_file import weights_as_float
from rtseg.training import judge
from rtseg.training.fp16 import half_from_float, store_weights_as_half
from rtseg.training.insert_qdq import activation_edges, int8_from_float
from rtseg.training.onnx_files import arrays
from rtseg.training.operators import refusals
from rtseg.training.qdq import audit
from tests.training.conftest import OF_THE_DATA, SIZE, export

torch = pytest.importorskip("torch", reason="needs the extra train")

from rtseg.backends.torch_graph import TorchGraph  # noqa: E402
from rtseg.training import checkpoint  # noqa: E402, after torch is known to be there
from rtseg.training import export as export_module  # noqa: E402
from rtseg.training.export import onnx_from_net  # noqa: E402
from rtseg.training.nets import NETS, Labeller, build, encoders_of  # noqa: E402

ODD_SIZE = (95, 129)


def torch_labels(path, data, size=SIZE):
    labeller = Labeller(checkpoint.load(path).net).eval()
    with torch.inference_mode():
        return [
            labeller(torch.from_numpy(image)[None])[0].numpy()
            for image, _ in judge.images(data, range(len(data)), size)
        ]


def onnx_labels(model, data):
    return judge.label_all(model, data, range(len(data)), judge.quiet, "")


@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.999), ("fp16", 0.995)])
def test_the_file_labels_real_frames_as_torch_does(fitted_checkpoint, train, val, tmp_path, precision, least):
    exported = export(fitted_checkpoint, tmp_path / "m.onnx", val, precision)
    unseen = judge.agreement(
        onnx_labels(onnx.load(exported.path), train), torch_labels(fitted_checkpoint, train)
    )
    assert exported.agreement >= least
    assert unseen >= least
    assert exported.checked_frames == len(val)


def test_the_file_says_what_it_is(fp32_path, fitted_checkpoint, val):
    model = Model.read(fp32_path)
    assert (model.name, model.version, model.precision) == ("unet-lite0", "1", "fp32")
    assert {"data_name": model.data, "data_licence": model.data_licence} == OF_THE_DATA
    assert model.classes == CAMVID
    assert model.input_hw == SIZE
    assert model.parent_sha256 == hashlib.sha256(fitted_checkpoint.read_bytes()).hexdigest()
    assert model.calibration_sha256 == "none"
    matrix = judge.score(onnx_labels(onnx.load(fp32_path), val), val, range(len(val)))
    assert model.scores == judge.scores_of(matrix, "val")
    assert model.scores["pixel_accuracy"] > 0.5


def test_the_graph_is_plain_static_and_old_enough(fp32_path):
    model = onnx.load(fp32_path)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    kinds = {node.op_type for node in model.graph.node}
    allowed = {
        "Cast",
        "Transpose",
        "Sub",
        "Conv",
        "Clip",
        "Relu",
        "Add",
        "Resize",
        "Concat",
        "DepthToSpace",
        "GreaterOrEqual",
        "ReduceMax",
        "ReduceMin",
        "Where",
        "Reshape",
    }
    assert kinds <= allowed
    assert sum(node.op_type == "Sub" for node in model.graph.node) == 1
    assert not [finding for finding in audit(model) if finding.rule == "border"]


def test_two_exports_are_the_same_bytes(fitted_checkpoint, val, fp32_path, tmp_path):
    again = export(fitted_checkpoint, tmp_path / "again.onnx", val)
    assert again.path.read_bytes() == fp32_path.read_bytes()
    assert again.sha256 == hashlib.sha256(fp32_path.read_bytes()).hexdigest()


def test_fp32_stores_its_weights_in_half_the_bytes_and_its_biases_in_full(fp32_path):
    model = onnx.load(fp32_path)
    kinds = {values.ndim: set() for values in arrays(model).values()}
    for values in arrays(model).values():
        kinds[values.ndim].add(str(values.dtype))
    assert kinds[4] == {"float16"}
    assert "float16" not in kinds[1]
    assert fp32_path.stat().st_size < 2.1 * sum(values.size for values in arrays(model).values())


def test_weights_come_back_as_they_were_stored(fitted_checkpoint):
    model = onnx_from_net(checkpoint.load(fitted_checkpoint).net, SIZE)
    back = weights_as_float(store_weights_as_half(model))
    assert [node.name for node in back.graph.node] == [node.name for node in model.graph.node]
    before, after = arrays(model), arrays(back)
    assert set(before) == set(after)
    for name, values in before.items():
        rounded = values.astype(np.float16).astype(np.float32) if values.ndim == 4 else values
        np.testing.assert_array_equal(after[name], rounded)


def test_fp16_is_half_throughout(fitted_checkpoint):
    model = half_from_float(onnx_from_net(checkpoint.load(fitted_checkpoint).net, SIZE))
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    kinds = {value.type.tensor_type.elem_type for value in inferred.graph.value_info}
    assert TensorProto.FLOAT not in kinds
    assert TensorProto.FLOAT16 in kinds
    assert all(values.dtype != np.float32 for values in arrays(model).values())


def test_a_weight_beyond_half_is_an_error(fitted_checkpoint):
    net = checkpoint.load(fitted_checkpoint).net
    net.head.weight.data[0, 0] = 1e6
    model = onnx_from_net(net, SIZE)
    for convert in (store_weights_as_half, half_from_float):
        with pytest.raises(ModelError, match=r"head\.weight.*float16"):
            convert(model)


@pytest.fixture(scope="module")
def two_frames(val):
    return [image for image, _ in judge.images(val, range(2), ODD_SIZE)]


@pytest.mark.parametrize("name", NETS)
def test_every_network_exports_at_an_odd_size_and_quantises(name, two_frames):
    torch.manual_seed(1)
    net = build(name, encoders_of(name)[0], len(CAMVID), pretrained=False)
    batch = torch.from_numpy(np.stack(two_frames))
    for layer in net.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0  # takes the statistics of these frames, so that labels differ
    with torch.no_grad():
        net.train()(batch.permute(0, 3, 1, 2))
        expected = Labeller(net.eval())(batch).numpy()
    assert len(np.unique(expected)) > 1

    model = onnx_from_net(net, ODD_SIZE)
    int8 = int8_from_float(model, dict.fromkeys(activation_edges(model), 6.0))
    assert [str(finding) for finding in audit(int8)] == []
    for file in (model, int8, half_from_float(model)):
        assert [
            str(refusal) for version in ((8, 6), (10,), (11,)) for refusal in refusals(file, version)
        ] == []
    for run in (run_by_onnxruntime, run_by_openvino, run_by_torch):
        assert judge.agreement(run(model, two_frames), list(expected)) > 0.999
        # Untrained, a rounding more or less decides: integer labels are only known to be some.
        assert {labels.shape for labels in run(int8, two_frames)} == {ODD_SIZE}


def run_by_onnxruntime(model, images):
    session = judge.session_from_model(model)
    return [judge.labels_from_image(session, image) for image in images]


def run_by_torch(model, images):
    graph = TorchGraph(model.graph, Path("m.onnx"))
    return [graph(torch.from_numpy(image[np.newaxis]))[0].numpy() for image in images]


def run_by_openvino(model, images):
    core = load_openvino().Core()
    read = core.read_model(model.SerializeToString())
    compiled = core.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [compiled({"image": image[np.newaxis]})["labels"][0] for image in images]


@pytest.mark.parametrize(("size", "slices"), [((96, 128), 0), ((95, 129), 1)])
def test_only_odd_sizes_are_cropped_behind_the_head(size, slices):
    model = onnx_from_net(build("unet", "plain", 5, pretrained=False).eval(), size)
    assert sum(node.op_type == "Slice" for node in model.graph.node) == slices


def test_a_file_that_differs_from_torch_is_not_written(fitted_checkpoint, val, tmp_path, monkeypatch):
    out = tmp_path / "m.onnx"
    out.write_bytes(b"what was there")
    monkeypatch.setattr(export_module, "PIXEL_MEAN", 90.0)
    with pytest.raises(ModelError, match=r"graph agrees with torch on \d+\.\d+% .*nothing was written"):
        export(fitted_checkpoint, out, val)
    assert out.read_bytes() == b"what was there"
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


def test_a_file_whose_weights_came_to_harm_is_not_written(fitted_checkpoint, val, tmp_path, monkeypatch):
    other = onnx_from_net(build("unet", "lite0", len(CAMVID), pretrained=False).eval(), SIZE)
    monkeypatch.setattr(export_module, "store_weights_as_half", lambda _graph: other)
    with pytest.raises(ModelError, match=r"fp32 file agrees with torch on \d+\.\d+% .*nothing was written"):
        export(fitted_checkpoint, tmp_path / "m.onnx", val)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_network_that_is_undecided_can_be_exported(val, tmp_path, precision):
    """Of one whose decoder has learned nothing, rounding moves labels; the graph is right all the same."""
    torch.manual_seed(0)
    net = build("encoder-decoder", "lite0", len(CAMVID), pretrained=True)
    description = {"net": "encoder-decoder", "encoder": "lite0", "classes": list(CAMVID.names)}
    checkpoint.save(tmp_path / "new.safetensors", net.state_dict(), description)
    exported = export(tmp_path / "new.safetensors", tmp_path / "m.onnx", val, precision)
    assert exported.agreement < 0.999
    assert Model.read(exported.path).input_hw == SIZE


def test_a_split_of_few_frames_is_compared_whole(fitted_checkpoint, val, tmp_path):
    assert export(fitted_checkpoint, tmp_path / "m.onnx", val, frames=32).checked_frames == len(val) == 6


def test_bad_input_is_refused_before_anything_is_written(fitted_checkpoint, val, tmp_path):
    with pytest.raises(OutputError, match="does not exist"):
        export(fitted_checkpoint, tmp_path / "nowhere" / "m.onnx", val)
    with pytest.raises(InputError, match="no such file"):
        export(tmp_path / "none.safetensors", tmp_path / "m.onnx", val)
    assert not list(tmp_path.iterdir())

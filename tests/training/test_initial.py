"""Training that begins with the weights of a model file."""

from __future__ import annotations

import numpy as np
import pytest

from rtseg.classes import CAMVID
from rtseg.errors import InputError, ModelError
from rtseg.training import judge
from tests.training.conftest import SIZE

torch = pytest.importorskip("torch", reason="needs the extra train")

from rtseg.training.augment import Augmentation  # noqa: E402, after torch is known to be there
from rtseg.training.initial import begin_with, network_of  # noqa: E402
from rtseg.training.nets import NETS, Labeller, build, encoders_of  # noqa: E402
from rtseg.training.recipe import TrainOptions  # noqa: E402
from rtseg.training.train import train  # noqa: E402


@pytest.fixture(scope="module")
def frames(train_frames):
    return torch.from_numpy(np.stack(train_frames))


@pytest.fixture(scope="module")
def train_frames(train):
    return [image for image, _ in judge.images(train, range(8), SIZE)]


def begun(path, frames):
    net = build("unet", "lite0", len(CAMVID), pretrained=False)
    begin_with(net, str(path), [frames[:4].permute(0, 3, 1, 2), frames[4:].permute(0, 3, 1, 2)])
    return net


def test_it_labels_as_the_model_does_and_its_statistics_are_those_of_the_images(fp32_path, frames):
    import onnx

    net = begun(fp32_path, frames)
    with torch.inference_mode():
        labels = list(Labeller(net.eval())(frames).numpy())
    session = judge.session_from_model(onnx.load(fp32_path))
    of_file = [judge.labels_from_image(session, image) for image in frames.numpy()]
    assert judge.agreement(labels, of_file) > 0.999
    with torch.inference_mode():  # on the same images, training sees nearly what evaluation does
        evaluated = net(frames.permute(0, 3, 1, 2)).argmax(1)
        trained = net.train()(frames.permute(0, 3, 1, 2)).argmax(1)
    assert (evaluated == trained).float().mean() > 0.97


def test_another_network_is_refused(fp32_path, frames):
    for net, encoder in (("unet", "plain"), ("fcn-8s", "lite0"), ("stack", "none")):
        with pytest.raises(InputError, match="was made from another network"):
            begin_with(build(net, encoder, len(CAMVID), pretrained=False), str(fp32_path), [frames])
    with pytest.raises(ModelError):
        begin_with(build("unet", "lite0", len(CAMVID), pretrained=False), "nothing", [frames])


@pytest.mark.parametrize("name", NETS)
def test_a_file_tells_which_network_it_is(name, tmp_path, fp32_path):
    import onnx

    from rtseg.training.export import onnx_from_net
    from rtseg.training.onnx_files import metadata_of, save, set_metadata

    torch.manual_seed(0)
    net = build(name, encoders_of(name)[-1], len(CAMVID), pretrained=False)
    for layer in net.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(layer.bias)  # those that are all alike share an array in the file
    model = onnx_from_net(net, (96, 128))
    set_metadata(model, {**metadata_of(onnx.load(fp32_path)), "input": [96, 128]})
    save(model, tmp_path / "model.onnx")
    found = network_of(str(tmp_path / "model.onnx"))
    assert type(found) is type(net)
    image = torch.randint(0, 256, (1, 96, 128, 3), dtype=torch.uint8)
    with torch.inference_mode():
        same = (Labeller(found)(image) == Labeller(net.eval())(image)).float().mean()
    assert same > 0.999


def test_training_goes_on_from_it(fp32_path, few_frames, tmp_path):
    losses = {}
    for name, init in (("anew", None), ("begun", str(fp32_path))):
        options = TrainOptions(
            few_frames,
            tmp_path / name,
            init=init,
            epochs=1,
            batch=4,
            learning_rate=1e-4,
            validate=None,
            synthetic_share=0,
            augmentation=Augmentation(crop_hw=SIZE, scale=(0.25, 0.3), rotation_deg=0, light=0, hue=0),
        )
        train(options, on_epoch=lambda epoch, name=name: losses.update({name: epoch.loss}))
    assert losses["begun"] < 0.8 * losses["anew"]

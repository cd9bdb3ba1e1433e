"""Training: reproducible, resumable, and it learns."""

from __future__ import annotations

import csv
import dataclasses
import json

import cv2
import numpy as np
import pytest
import torch

from rtseg.backends import backend_class
from rtseg.classes import CAMVID
from rtseg.errors import InputError
from rtseg.model import Model
from rtseg.training import checkpoint
from rtseg.training.augment import Augmentation, crop_of, random_view
from rtseg.training.data import LabelledFolder, labels_at
from rtseg.training.evaluate import evaluate
from rtseg.training.export import export_model
from rtseg.training.learner import learning_rate, parameter_groups
from rtseg.training.loss import class_weights, one_hot, segmentation_loss, soft_jaccard_loss, softened
from rtseg.training.nets import build
from rtseg.training.recipe import TrainOptions
from rtseg.training.samples import AHEAD, Samples, class_shares
from rtseg.training.train import device_from_text, folder_from_text, train


@pytest.fixture
def options(camvid, tmp_path):
    """A recipe that takes seconds: 8 frames, small views, the network from scratch."""
    return TrainOptions(
        data=camvid,
        out=tmp_path / "run",
        splits=("train/46",),
        validate="val/51",
        encoder="plain",
        epochs=2,
        batch=4,
        synthetic_share=0.0,
        device="cpu",
        augmentation=Augmentation(crop_hw=(64, 96)),
    )


def losses_of(options, **changes):
    losses = []
    train(
        dataclasses.replace(options, **changes),
        on_step=lambda _done, _total, loss: losses.append(loss),
    )
    return losses


def test_two_runs_give_equal_losses(options, tmp_path):
    first = losses_of(options)
    assert len(first) == 4
    assert losses_of(options, out=tmp_path / "again") == first
    assert losses_of(options, out=tmp_path / "other", seed=1) != first


@pytest.mark.parametrize("deep_supervision", [0.0, 0.4])
def test_stopped_and_resumed_is_as_if_never_stopped(options, tmp_path, deep_supervision):
    options = dataclasses.replace(options, deep_supervision=deep_supervision)
    whole = train(options)

    class StopError(Exception):
        pass

    def stop(_epoch):
        raise StopError

    interrupted = dataclasses.replace(options, out=tmp_path / "stopped")
    with pytest.raises(StopError):
        train(interrupted, on_epoch=stop)
    resumed = train(interrupted, resume=True)
    ours, theirs = (checkpoint.load(path).net.state_dict() for path in (whole, resumed))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_training_at_another_size_is_scored_and_exported_at_it(options, camvid, tmp_path):
    path = train(dataclasses.replace(options, size_hw=(90, 120)))
    made = checkpoint.load(path)
    assert made.size_hw == (90, 120)
    shown = LabelledFolder(camvid, "val", CAMVID, every=51)
    with backend_class("onnxruntime")(
        Model.read(export_model(path, tmp_path / "m.onnx", precision="fp32", data=shown, frames=2).path)
    ) as backend:
        assert backend.model.input_hw == (90, 120)
        counted = evaluate(backend, shown).confusion
    assert counted.miou() == pytest.approx(made.description["scores"]["miou"], abs=0.01)


def test_frames_are_made_smaller_once_the_teachers_have_looked(camvid):
    class Looking:
        def opinion(self, image, size_hw):
            seen.append((image.shape, size_hw))
            return np.zeros((23, 30, 11), np.uint8)

    seen = []
    folder = LabelledFolder(camvid, "train", CAMVID, every=100)
    made = Samples(
        [folder],
        synthetic_share=0,
        augmentation=Augmentation(),
        teachers=Looking(),
        size_hw=(90, 120),
        seed=0,
    )
    assert seen == [((360, 480, 3), (90, 120))] * len(folder)
    for (image, labels, _), (whole, truth) in zip(
        made.frames, map(folder.read, range(len(folder))), strict=True
    ):
        assert image.shape == (90, 120, 3)
        assert np.array_equal(image, cv2.resize(whole, (120, 90), interpolation=cv2.INTER_AREA))
        assert np.array_equal(labels, truth[2::4, 2::4])


@pytest.mark.parametrize(
    ("size", "crop"), [((360, 480), (320, 416)), ((228, 304), (192, 256)), ((40, 33), (32, 32))]
)
def test_views_are_a_little_smaller_than_frames(size, crop):
    assert crop_of(size) == crop


def test_deep_supervision_teaches_the_encoder_and_leaves_nothing_in_the_network(options, tmp_path):
    deep = dataclasses.replace(options, out=tmp_path / "deep", deep_supervision=1.0)
    plain, taught = (checkpoint.load(train(each)).net.state_dict() for each in (options, deep))
    assert plain.keys() == taught.keys()
    deepest = [name for name in plain if name.startswith("encoder.stages.4") and name.endswith("0.weight")]
    assert deepest
    assert not any(torch.equal(plain[name], taught[name]) for name in deepest)


def test_deep_supervision_of_a_network_without_deep_maps_is_refused(options):
    with pytest.raises(InputError, match="no deep maps"):
        train(dataclasses.replace(options, net="stack", encoder="none", deep_supervision=0.4))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_trains_stops_goes_on_and_says_so(options):
    """The first loss, before anything was learned, is that of the CPU but for TF32's rounding."""
    on_cuda = dataclasses.replace(options, device="auto")
    losses = losses_of(on_cuda)
    first = losses_of(options, out=options.out / "cpu", epochs=1)[0]
    assert losses[0] == pytest.approx(first, rel=0.02)
    path = train(on_cuda, resume=True)  # nothing is left to do
    (options.out / "resume.pt").rename(options.out / "whole.pt")
    state = torch.load(options.out / "whole.pt", weights_only=True)
    state["history"] = state["history"][:1]
    torch.save(state, options.out / "resume.pt")
    assert train(on_cuda, resume=True) == path
    assert checkpoint.load(path).description["recipe"]["device"] == "cuda"


def test_resuming_another_recipe_is_refused(options):
    train(dataclasses.replace(options, epochs=1))
    with pytest.raises(InputError, match="another epochs"):
        train(options, resume=True)


def test_resuming_nothing_is_refused(options):
    with pytest.raises(InputError, match="nothing to resume"):
        train(options, resume=True)


def test_what_is_written_describes_itself(options):
    path = train(options)
    description = checkpoint.load(path).description
    assert description["recipe"]["splits"] == ["train/46"]
    assert description["epochs_done"] == 2
    assert description["recipe"]["device"] == "cpu"
    assert description["device"]
    assert description["data"]["train"]["frames"] == 8
    assert 0 <= description["scores"]["miou"] <= 1
    assert str(options.data) not in json.dumps(description)
    with (options.out / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["number"] for row in rows] == ["1", "2"]
    assert (options.out / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_it_learns(options):
    """Ten epochs on eight small frames bring the cross-entropy well below where it began."""
    steady = Augmentation(crop_hw=(96, 128), scale=(0.3, 0.3), light=0, hue=0)
    losses = losses_of(options, epochs=10, validate=None, jaccard=0.0, encoder="lite0", augmentation=steady)
    assert np.mean(losses[-4:]) < 0.8 * np.mean(losses[:4])


def test_epochs_that_end_soon_after_each_other_are_not_all_written(options, monkeypatch):
    """Epochs 1 and 2 are one instant here: the first and the last are written, not the one between."""
    written = []
    monkeypatch.setattr("rtseg.training.train.save_state", lambda *parts: written.append(len(parts[-1])))
    train(dataclasses.replace(options, epochs=3, validate=None))
    assert written == [1, 3]


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_from_text("auto").type == device_from_text("cpu").type == "cpu"
    for text in ("cuda", "tpu"):
        with pytest.raises(InputError, match=f"no device '{text}' here. Choose cpu or auto"):
            device_from_text(text)


def test_views_made_ahead_are_those_made_one_by_one(camvid):
    folder = LabelledFolder(camvid, "train", CAMVID, every=16)
    augmentation = Augmentation(crop_hw=(64, 96))
    samples = Samples([folder], synthetic_share=0.1, augmentation=augmentation, seed=3)
    order = np.random.default_rng([3, 5]).permutation(len(samples.frames))
    batches = list(samples.epoch(5, 4))
    assert len(batches) == len(samples.frames) // 4 > AHEAD + 1
    for place, (images, labels) in enumerate(batches):
        views = [samples._view(5, int(index)) for index in order[4 * place : 4 * place + 4]]
        assert np.array_equal(images.permute(0, 2, 3, 1), [image for image, _ in views])
        assert np.array_equal(labels, [ids for _, ids in views])


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a checkpoint"):
        checkpoint.load(tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="no such file"):
        checkpoint.load(tmp_path / "y.safetensors")


def test_fewer_frames_than_a_batch_is_refused(options):
    with pytest.raises(InputError, match="do not fill one batch"):
        train(dataclasses.replace(options, batch=9))


@pytest.mark.parametrize("text", ["val/0", "val/x", "val/"])
def test_a_split_that_makes_no_sense_is_refused(camvid, text):
    with pytest.raises(InputError, match="every Nth frame"):
        folder_from_text(camvid, text)


def test_the_learning_rate_rises_then_falls_to_nothing():
    rates = [learning_rate(step, 10, 100, 1.0) for step in range(100)]
    assert rates[9] == rates[10] == 1.0
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.001


@pytest.mark.parametrize(
    ("net", "encoder", "known", "new"),
    [
        ("unet", "lite0", ("encoder",), ("decoder", "head")),
        ("unet", "plain", (), ("encoder",)),
        ("stack", "none", (), ("",)),
    ],
)
def test_only_what_has_imagenet_s_weights_learns_slower(options, net, encoder, known, new):
    network = build(net, encoder, len(CAMVID), pretrained=False)
    slower, faster = parameter_groups(network, None, options)
    assert (slower["factor"], faster["factor"]) == (options.encoder_rate, 1.0)
    assert len(slower["params"]) + len(faster["params"]) == len(list(network.parameters()))
    names = {value: name for name, value in network.named_parameters()}
    for prefixes, group in ((known, slower), (new, faster)):
        found = {names[value] for value in group["params"]}
        for prefix in prefixes:
            assert {name for name in names.values() if name.startswith(prefix)} <= found


def test_labels_at_another_size_are_those_at_the_middle_of_each_pixel():
    ids = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert labels_at(ids, (3, 4)) is ids
    assert labels_at(labels_at(ids, (9, 12)), (3, 4)).tolist() == ids.tolist()
    assert labels_at(ids, (1, 1)).tolist() == [[6]]


def test_views_keep_image_and_labels_together():
    """Where the label is 1 the image is bright, wherever the view comes from."""
    image = np.zeros((60, 80, 3), np.uint8)
    labels = np.zeros((60, 80), np.uint8)
    image[20:40, 30:60], labels[20:40, 30:60] = 255, 1
    for seed in range(20):
        view, ids = random_view(
            (image, labels), Augmentation(crop_hw=(48, 64), light=0, hue=0), 11, np.random.default_rng(seed)
        )
        known = ids != 11
        assert ((view[..., 0] > 127) == (ids == 1))[known].mean() > 0.97


def test_a_cut_out_rectangle_is_grey_and_keeps_its_labels():
    image, labels = np.full((60, 80, 3), 255, np.uint8), np.full((60, 80), 3, np.uint8)
    still = Augmentation(crop_hw=(60, 80), scale=(1, 1), rotation_deg=0, light=0, hue=0, cutout_share=1.0)
    for seed in range(10):
        view, ids = random_view((image, labels), still, 11, np.random.default_rng(seed))
        grey, known = (view == 127).all(2), ids == 3
        assert known.mean() > 0.95
        assert 0 < grey[known].mean() <= 1 / 9 + 0.02


def test_views_are_a_function_of_the_generator():
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    labels = np.zeros((60, 80), np.uint8)
    views = [
        random_view((image, labels), Augmentation(crop_hw=(48, 64)), 11, np.random.default_rng(seed))[0]
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(views[0], views[1])
    assert not np.array_equal(views[0], views[2])


def test_spoilt_views_have_the_same_labels_and_rougher_pixels():
    image = cv2.resize(np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8), (80, 60))
    labels = np.zeros((60, 80), np.uint8)
    labels[20:40] = 3
    differ = []
    for seed in range(20):
        (clean, ids), (spoilt, same) = (
            random_view(
                (image, labels),
                Augmentation(crop_hw=(48, 64), spoilt_share=share),
                11,
                np.random.default_rng(seed),
            )
            for share in (0.0, 1.0)
        )
        assert np.array_equal(ids, same)
        differ.append(np.abs(clean.astype(int) - spoilt).mean())
    assert 1 < min(differ) < 10 < max(differ) < 40


def test_views_are_laid_over_rare_things():
    """A lamp far out is in every view that aims at it, and in few of the others."""
    image, labels = np.zeros((360, 480, 3), np.uint8), np.zeros((360, 480), np.uint8)
    labels[200:204, 400:404] = 6

    def share_that_shows_it(rare_share):
        augmentation = Augmentation(crop_hw=(64, 96), scale=(1.0, 1.0), rare_share=rare_share)
        views = [
            random_view((image, labels), augmentation, 11, np.random.default_rng(seed), rare=[6, 9])
            for seed in range(40)
        ]
        return np.mean([(ids == 6).any() for _, ids in views])

    assert share_that_shows_it(1.0) == 1.0
    assert share_that_shows_it(0.0) < 0.3


def test_rare_things_of_a_donor_are_pasted_pixels_and_labels_alike():
    """Sign (6) comes along, bright; road (3) around it does not."""
    dark = np.zeros((60, 80, 3), np.uint8), np.zeros((60, 80), np.uint8)
    donor = np.full((60, 80, 3), 90, np.uint8), np.full((60, 80), 3, np.uint8)
    donor[0][20:40, 30:60], donor[1][20:40, 30:60] = 255, 6
    augmentation = Augmentation(crop_hw=(48, 64), light=0, hue=0)
    for seed in range(20):
        view, ids = random_view(
            dark, augmentation, 11, np.random.default_rng(seed), donor=donor, pasted=[6, 9]
        )
        known = ids != 11
        assert set(np.unique(ids[known])) == {0, 6}
        assert ((view[..., 0] > 127) == (ids == 6))[known].mean() > 0.97


def test_the_share_of_views_with_something_pasted_is_the_one_asked_for(camvid, monkeypatch):
    donors = []

    def watch(frame, _augmentation, _void_id, _rng, _rare, donor, _pasted):
        donors.append(donor is not None)
        return frame

    monkeypatch.setattr("rtseg.training.samples.random_view", watch)
    folder = LabelledFolder(camvid, "train", CAMVID, every=4)
    samples = Samples([folder], synthetic_share=0, augmentation=Augmentation(paste_share=0.3), seed=0)
    list(samples.epoch(0, 8))
    assert 0.15 < np.mean(donors) < 0.45


def test_rare_classes_are_those_with_few_pixels(camvid):
    folder = LabelledFolder(camvid, "train", CAMVID, every=4)
    samples = Samples([folder], synthetic_share=0, augmentation=Augmentation(), seed=0)
    assert [CAMVID.names[index] for index in samples.rare] == [
        "pole",
        "sign",
        "fence",
        "pedestrian",
        "bicyclist",
    ]
    assert samples.shares.sum() == pytest.approx(1)


def test_rare_classes_weigh_more():
    labels = np.zeros((10, 10), np.uint8)
    labels[0, 0], labels[1] = 1, 11
    weights = class_weights(class_shares([labels], 11))
    assert weights[1] > weights[0]
    assert weights[0] == pytest.approx(1 / np.log(1.1 + 89 / 90), rel=1e-5)


def test_the_jaccard_loss_is_nothing_where_all_is_right_and_one_where_all_is_wrong():
    right = torch.nn.functional.one_hot(torch.tensor([[[0, 1], [1, 0]]]), 2).permute(0, 3, 1, 2).float()
    assert soft_jaccard_loss(right, right).item() == pytest.approx(0, abs=1e-6)
    assert soft_jaccard_loss(1 - right, right).item() == pytest.approx(1, abs=1e-6)


def test_the_loss_begins_with_torch_s_cross_entropy():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 6, 8, generator=generator)
    labels = torch.randint(0, 4, (2, 6, 8), generator=generator, dtype=torch.uint8)
    weights = torch.tensor([1.0, 2.0, 3.0])
    expected = torch.nn.functional.cross_entropy(logits, labels.long(), weights, ignore_index=3)
    assert segmentation_loss(logits, labels, weights, 0.0).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_hardest_pixels_are_those_that_are_most_wrong():
    logits = torch.zeros(1, 2, 1, 4)
    logits[0, 0, 0] = torch.tensor([3.0, 2.0, 1.0, -9.0])
    labels = torch.tensor([[[0, 0, 0, 2]]], dtype=torch.uint8)
    half = segmentation_loss(logits[..., 1:], labels[..., 1:], torch.ones(2), 0.0)
    assert segmentation_loss(logits, labels, torch.ones(2), 0.0, hardest=0.6) == half


def test_soft_edges_fade_where_labels_meet_and_nowhere_else():
    labels = torch.tensor([[[0, 0, 0, 1, 1, 1, 2]] * 3], dtype=torch.uint8)
    soft = softened(one_hot(labels, torch.zeros(1, 2, 3, 7)))
    assert soft[0, 0, 1].tolist() == pytest.approx([1, 1, 2 / 3, 1 / 3, 0, 0, 0])
    assert soft[0, 1, 1].tolist() == pytest.approx([0, 0, 1 / 3, 2 / 3, 1, 1, 0])


def test_pixels_count_more_where_labels_meet():
    labels = torch.tensor([[[0, 0, 0, 1, 1, 1, 2]] * 3], dtype=torch.uint8)
    logits = torch.zeros(1, 2, 3, 7)
    logits[:, 0, :, 2] = -5.0  # wrong beside the edge
    plain = segmentation_loss(logits, labels, torch.ones(2), 0.0)
    by_hand = torch.nn.functional.cross_entropy(logits, labels.long(), ignore_index=2, reduction="none")
    weights = torch.tensor([1.0, 1, 3, 3, 1, 1, 0])
    expected = (by_hand * weights).sum() / (3 * weights.sum())
    assert segmentation_loss(logits, labels, torch.ones(2), 0.0, at_edges=2.0) == pytest.approx(expected)
    assert plain < expected


def test_void_does_not_count_in_the_loss():
    logits = torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[[0, 1], [2, 3]]], dtype=torch.uint8)
    changed = logits.clone()
    changed[..., 1, 1] = 99
    weights = torch.ones(3)
    assert segmentation_loss(logits, labels, weights, 1.0) == segmentation_loss(changed, labels, weights, 1.0)

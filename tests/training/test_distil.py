"""Learning from other networks."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from rtseg.classes import CAMVID
from rtseg.errors import InputError

torch = pytest.importorskip("torch", reason="needs the extra train")

from rtseg.training import checkpoint  # noqa: E402, after torch is known to be there
from rtseg.training.augment import Augmentation, random_view  # noqa: E402
from rtseg.training.data import LabelledFolder  # noqa: E402
from rtseg.training.distil import Teachers, distillation_loss  # noqa: E402
from rtseg.training.loss import segmentation_loss  # noqa: E402
from rtseg.training.recipe import TrainOptions  # noqa: E402
from rtseg.training.train import train  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (66, 96, 3), np.uint8)


def test_an_opinion_is_that_of_the_mirror_image_mirrored(fitted_checkpoint, image):
    teachers = Teachers([str(fitted_checkpoint), str(fitted_checkpoint)], CPU)
    opinion = teachers.opinion(image)
    assert opinion.shape == (17, 24, 11)
    assert opinion.dtype == np.uint8
    assert np.abs(opinion.astype(int).sum(2) - 255).max() <= 5
    mirrored = teachers.opinion(np.ascontiguousarray(image[:, ::-1]))[:, ::-1]
    assert np.abs(mirrored.astype(int) - opinion).max() <= 1


def test_a_shipped_model_can_teach_and_knows_more_than_its_labels(camvid):
    frame, truth = LabelledFolder(camvid, "val", CAMVID).read(0)
    opinion = Teachers(["rtseg-m"], CPU).opinion(frame)
    assert opinion.shape == (90, 120, 11)
    places = truth[2::4, 2::4]
    known = places < 11
    assert (opinion.argmax(2) == places)[known].mean() > 0.9
    assert 0.01 < ((opinion > 25) & (opinion < 230)).any(2).mean() < 0.5


def opinions_of(logits):
    return (logits.softmax(1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def test_the_loss_is_nothing_for_the_teachers_own_opinion():
    logits = torch.randn(1, 5, 8, 8, generator=torch.Generator().manual_seed(0))
    opinions = opinions_of(logits)
    assert distillation_loss(logits + 3, opinions).item() == pytest.approx(0, abs=1e-3)
    assert distillation_loss(logits.roll(1, 1), opinions).item() > 0.5
    enlarged = logits.repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert distillation_loss(enlarged, opinions).item() == pytest.approx(0, abs=1e-3)


def test_where_there_is_no_opinion_there_is_no_loss():
    logits = torch.randn(1, 5, 8, 8, generator=torch.Generator().manual_seed(0), requires_grad=True)
    opinions = opinions_of(logits.detach().roll(1, 1))
    opinions[:, :4] = 0
    distillation_loss(logits, opinions).backward()
    assert logits.grad[:, :, :4].abs().max() == 0
    assert logits.grad[:, :, 4:].abs().max() > 0
    assert distillation_loss(logits, torch.zeros_like(opinions)).item() == 0


def test_an_opinion_moves_with_the_labels():
    rng = np.random.default_rng(0)
    labels = np.kron(rng.integers(0, 4, (8, 10)), np.ones((40, 40), int)).astype(np.uint8)
    opinion = (np.eye(4, dtype=np.uint8) * 255)[labels[2::4, 2::4]]
    donor = tuple(
        np.ascontiguousarray(part[::-1]) for part in (np.zeros((*labels.shape, 3), np.uint8), labels, opinion)
    )
    for seed in range(20):
        view, ids, moved = random_view(
            (np.zeros((*labels.shape, 3), np.uint8), labels, opinion),
            Augmentation(crop_hw=(64, 96)),
            4,
            np.random.default_rng(seed),
            donor=donor if seed % 2 else None,
            pasted=[2],
        )
        assert view.shape == (64, 96, 3)
        assert moved.shape == (16, 24, 4)
        places = ids.reshape(16, 4, 24, 4)
        uniform = (places == places[:, :1, :, :1]).all((1, 3))
        inside = uniform & (places[:, 0, :, 0] < 4)
        assert inside.mean() > 0.3
        assert (moved.argmax(2) == places[:, 0, :, 0])[inside].mean() > 0.99
        beyond = uniform & (places[:, 0, :, 0] == 4)
        assert np.all(moved[beyond].sum(1) < 200)


def test_a_student_comes_nearer_to_its_teacher(fitted_checkpoint, few_frames, tmp_path, image, monkeypatch):
    monkeypatch.setattr("rtseg.training.distil.SCALES", (0.5,))

    def trained(name, **changes):
        options = TrainOptions(
            few_frames,
            tmp_path / name,
            epochs=4,
            batch=4,
            learning_rate=2e-3,
            validate=None,
            synthetic_share=0,
            jaccard=0.0,
            augmentation=Augmentation(crop_hw=(64, 96), scale=(0.25, 0.5)),
            **changes,
        )
        return checkpoint.load(train(options))

    alone, taught = trained("alone"), trained("taught", teachers=(str(fitted_checkpoint),), teaching=5.0)
    told = torch.from_numpy(Teachers([str(fitted_checkpoint)], CPU).opinion(image))[None]
    seen = torch.from_numpy(image).permute(2, 0, 1)[None]
    with torch.inference_mode():
        far, near = (distillation_loss(one.net(seen), told).item() for one in (alone, taught))
    assert near < 0.9 * far
    assert len(taught.description["recipe"]["teachers"]) == 1
    assert alone.description["recipe"]["teachers"] == []


def test_a_teacher_that_is_none_is_refused(few_frames, tmp_path):
    (tmp_path / "no.safetensors").write_text("nothing")
    for name in ("no.safetensors", "missing.safetensors"):
        with pytest.raises(InputError, match=name):
            train(TrainOptions(few_frames, tmp_path / "out", teachers=(str(tmp_path / name),), validate=None))


def test_films_are_learnt_from_where_there_is_a_teacher(fitted_checkpoint, few_frames, tmp_path, monkeypatch):
    monkeypatch.setattr("rtseg.training.samples.FRAMES_A_FILM", 8)
    monkeypatch.setattr("rtseg.training.distil.SCALES", (0.25,))
    film = "synth://128x96@10?seconds=3&seed=5"
    options = TrainOptions(
        few_frames,
        tmp_path / "out",
        films=(film,),
        teachers=(str(fitted_checkpoint),),
        epochs=1,
        batch=4,
        validate=None,
        synthetic_share=0,
        augmentation=Augmentation(crop_hw=(64, 96)),
    )
    steps = []
    train(options, on_step=lambda _, total, loss: steps.append((total, loss)))
    assert steps[-1][0] == (12 + 8) // 4
    assert all(0 < loss < 20 for _, loss in steps)
    with pytest.raises(InputError, match="give a teacher"):
        train(dataclasses.replace(options, teachers=()))


def test_a_batch_without_any_label_is_no_loss():
    logits = torch.randn(1, 5, 8, 8, requires_grad=True)
    loss = segmentation_loss(logits, torch.full((1, 8, 8), 5, dtype=torch.uint8), torch.ones(5), 0.5)
    loss.backward()
    assert loss.item() == 0
    assert torch.isfinite(logits.grad).all()

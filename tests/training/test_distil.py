"""Learning from other networks."""

from __future__ import annotations

import dataclasses

import pytest

from rtseg.errors import InputError

torch = pytest.importorskip("torch", reason="needs the extra train")

from rtseg.training import checkpoint  # noqa: E402, after torch is known to be there
from rtseg.training.augment import Augmentation  # noqa: E402
from rtseg.training.distil import Teachers, distillation_loss  # noqa: E402
from rtseg.training.loss import segmentation_loss  # noqa: E402
from rtseg.training.recipe import TrainOptions  # noqa: E402
from rtseg.training.train import train  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def images():
    return torch.randint(
        0, 256, (2, 3, 64, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


def test_teachers_agree_with_their_mirror_image(fitted_checkpoint, images):
    teachers = Teachers([fitted_checkpoint, fitted_checkpoint], CPU)
    told = teachers.probabilities(images)
    assert told.shape == (2, 11, 64, 96)
    assert torch.allclose(told.sum(1), torch.ones(2, 64, 96), atol=1e-5)
    assert torch.allclose(teachers.probabilities(images.flip(-1)).flip(-1), told, atol=1e-5)


def test_the_loss_is_nothing_for_the_teachers_own_opinion():
    logits = torch.randn(1, 5, 8, 8, generator=torch.Generator().manual_seed(0))
    told = logits.softmax(1)
    assert distillation_loss(logits + 3, told).item() == pytest.approx(0, abs=1e-6)
    assert distillation_loss(logits.roll(1, 1), told).item() > 0.5


def test_a_student_comes_nearer_to_its_teacher(fitted_checkpoint, few_frames, tmp_path, images):
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

    alone, taught = trained("alone"), trained("taught", teachers=(fitted_checkpoint,), teaching=5.0)
    told = Teachers([fitted_checkpoint], CPU).probabilities(images)
    with torch.inference_mode():
        far, near = (distillation_loss(one.net(images), told).item() for one in (alone, taught))
    assert near < 0.9 * far
    assert len(taught.description["recipe"]["teachers"]) == 1
    assert alone.description["recipe"]["teachers"] == []


def test_a_teacher_that_is_none_is_refused(few_frames, tmp_path):
    (tmp_path / "no.safetensors").write_text("nothing")
    for name in ("no.safetensors", "missing.safetensors"):
        with pytest.raises(InputError, match=name):
            train(TrainOptions(few_frames, tmp_path / "out", teachers=(tmp_path / name,), validate=None))


def test_films_are_learnt_from_where_there_is_a_teacher(fitted_checkpoint, few_frames, tmp_path):
    film = "synth://128x96@10?seconds=3&seed=5"
    options = TrainOptions(
        few_frames,
        tmp_path / "out",
        films=(film,),
        teachers=(fitted_checkpoint,),
        epochs=1,
        batch=4,
        validate=None,
        synthetic_share=0,
        augmentation=Augmentation(crop_hw=(64, 96)),
    )
    steps = []
    train(options, on_step=lambda _, total, loss: steps.append((total, loss)))
    assert steps[-1][0] == (12 + 30) // 4
    assert all(0 < loss < 20 for _, loss in steps)
    with pytest.raises(InputError, match="give a teacher"):
        train(dataclasses.replace(options, teachers=()))


def test_a_batch_without_any_label_is_no_loss():
    logits = torch.randn(1, 5, 8, 8, requires_grad=True)
    loss = segmentation_loss(logits, torch.full((1, 8, 8), 5), torch.ones(5), 0.5)
    loss.backward()
    assert loss.item() == 0
    assert torch.isfinite(logits.grad).all()

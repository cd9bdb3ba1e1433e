"""Training, top to bottom: data, network, epochs, checkpoint."""

from __future__ import annotations

import ctypes
import dataclasses
import itertools
import math
import platform
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rtseg.classes import CAMVID
from rtseg.errors import InputError
from rtseg.report import cpu_name
from rtseg.training import checkpoint, curves
from rtseg.training.confusion import ConfusionMatrix
from rtseg.training.data import LabelledFolder, image_at, labels_at
from rtseg.training.distil import Teachers
from rtseg.training.initial import begin_with
from rtseg.training.learner import Learner
from rtseg.training.nets import Labeller, build, parameter_count
from rtseg.training.recipe import Epoch, TrainOptions, recipe
from rtseg.training.samples import Samples
from rtseg.training.state import load_state, save_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rtseg.training.nets import SegmentationNet

CHECKPOINT = "model.safetensors"

BATCHES_FOR_STATISTICS = 8
"""Of views, from which BatchNorm takes them where training begins with a model."""

LEAST_SECONDS_BETWEEN_WRITES = 10.0
"""An epoch that ends sooner after the last one written is not written, unless it is the last of all."""


def train(
    options: TrainOptions,
    *,
    resume: bool = False,
    on_step: Callable[[int, int, float], None] = lambda _done, _total, _loss: None,
    on_epoch: Callable[[Epoch], None] = lambda _epoch: None,
    on_look: Callable[[int, int], None] = lambda _done, _total: None,
) -> Path:
    """Train a network and return the path of its checkpoint.

    On a CPU the same options, data, seed, thread count and torch give the same weights, in one go or resumed.
    On CUDA they give weights that are as good, not the same bits: some of its sums have no fixed order.

    Args:
        options: the recipe.
        resume: go on from the last epoch written to `options.out`; recipe and device must be the same.
        on_step: called after each step with steps done, steps in all and the loss.
        on_epoch: called after each epoch.
        on_look: called after each frame that the teachers have looked at, with how many these are, and all.

    Raises:
        DataError: the data folder breaks its contract.
        InputError: films are given and no teacher, there is nothing to resume, it was another recipe, a
            checkpoint cannot be read, the model to begin with is of another network, or there is no such
            device.
        ModelError: there is no such model.
    """
    device = device_from_text(options.device)
    options = dataclasses.replace(options, device=device.type)
    prepare_torch(options.seed, device)
    folders = [folder_from_text(options.data, split) for split in options.splits]
    held_out = folder_from_text(options.data, options.validate) if options.validate else None
    samples = samples_for(options, folders, device, on_look)
    data = {folder.split: {"frames": len(folder), "sha256": folder.sha256()} for folder in folders}
    learner = Learner(net_for(options, None if resume else samples), options, samples, device)
    averaged = learner.averaged
    history = load_state(options, learner) if resume else []
    options.out.mkdir(parents=True, exist_ok=True)

    written = -math.inf
    for number in range(len(history), options.epochs):
        started = time.monotonic()
        learner.net.train()
        losses = []
        for step, batch in enumerate(samples.epoch(number, options.batch), number * learner.steps_per_epoch):
            losses.append(learner.learn(step, *batch))
            on_step(step + 1, learner.total, losses[-1])
        is_last = number + 1 == options.epochs
        due = (number + 1) % options.validate_every == 0 or is_last
        scores = score(averaged, held_out, options.size_hw) if held_out and due else None
        history.append(
            Epoch(
                number=number + 1,
                loss=float(np.mean(losses)),
                learning_rate=learner.rate,
                miou=scores.miou() if scores else None,
                pixel_accuracy=scores.pixel_accuracy() if scores else None,
                seconds=time.monotonic() - started,
            )
        )
        if is_last or time.monotonic() - written >= LEAST_SECONDS_BETWEEN_WRITES:
            save_state(options, learner, history)
            description = describe(options, device, data, averaged, history, scores)
            checkpoint.save(options.out / CHECKPOINT, averaged.state_dict(), description)
            curves.write(options.out, history)
            written = time.monotonic()
        on_epoch(history[-1])
    return options.out / CHECKPOINT


def prepare_torch(seed: int, device: torch.device) -> None:
    """Make what follows a function of the seed, on a CPU, and as fast as that allows."""
    keep_freed_memory()
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(device.type == "cpu")
    torch.backends.cudnn.benchmark = True  # all steps have the same shapes
    # Filling fresh memory, a guard against bugs, would cost a fifth of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # not in its stubs


def samples_for(
    options: TrainOptions,
    folders: list[LabelledFolder],
    device: torch.device,
    on_look: Callable[[int, int], None],
) -> Samples:
    """What is trained on.

    Raises:
        DataError: a frame breaks the contract.
        InputError: films are given and no teacher, a film or a teacher cannot be read, or there is not one
            batch.
        ModelError: a teacher is a model that is not there.
    """
    if options.films and not options.teachers:
        raise InputError("Films have no labels: give a teacher to learn from on them.")
    samples = Samples(
        folders,
        synthetic_share=options.synthetic_share,
        augmentation=options.augmentation,
        films=options.films,
        teachers=Teachers(options.teachers, device) if options.teachers else None,
        size_hw=options.size_hw,
        on_look=on_look,
        seed=options.seed,
    )
    if samples.batches_per_epoch(options.batch) == 0:
        raise InputError(
            f"{options.data}: {len(samples.frames)} frames do not fill one batch of {options.batch}."
        )
    return samples


def net_for(options: TrainOptions, samples: Samples | None) -> SegmentationNet:
    """The network at its beginning; without samples as it is built, for a state to be put into it.

    Raises:
        InputError: there is no such network, or the model to begin with is of another one.
        ModelError: there is no such model.
    """
    net = build(options.net, options.encoder, len(CAMVID), pretrained=options.init is None)
    if options.init is not None and samples is not None:
        views = itertools.islice(samples.epoch(0, options.batch), BATCHES_FOR_STATISTICS)
        begin_with(net, options.init, (images for images, *_ in views))
    return net


def device_from_text(text: str) -> torch.device:
    """The device that "cpu", "cuda" or "auto" stands for.

    Raises:
        InputError: it is none of these, or torch has no CUDA here.
    """
    has_cuda = torch.cuda.is_available()
    if text not in ("auto", "cpu", "cuda") or (text == "cuda" and not has_cuda):
        raise InputError(
            f"There is no device {text!r} here. Choose {'cuda, ' if has_cuda else ''}cpu or auto."
        )
    return torch.device("cuda" if has_cuda and text != "cpu" else "cpu")


def folder_from_text(data: Path, text: str) -> LabelledFolder:
    """The frames that "NAME" or "NAME/N" stands for.

    Raises:
        InputError: N is not a whole number above 0.
        DataError: the folder breaks its contract.
    """
    split, slash, every = text.partition("/")
    if slash and not (every.isdecimal() and int(every) > 0):
        raise InputError(f"{text}: a split is NAME, or NAME/N for every Nth frame, for instance val/5.")
    return LabelledFolder(data, split, CAMVID, every=int(every or 1))


@torch.no_grad()
def score(
    net: SegmentationNet, folder: LabelledFolder, size_hw: tuple[int, int] | None = None
) -> ConfusionMatrix:
    """Score `net` as it would ship, on whole frames, which it gets at that size; None: as they are."""
    labeller = Labeller(net).eval()
    device = next(net.parameters()).device
    confusion = ConfusionMatrix(folder.classes)
    for index in range(len(folder)):
        image, truth = folder.read(index)
        seen = torch.from_numpy(image_at(image, size_hw or truth.shape))
        ids = labeller(seen[None].to(device))[0].cpu().numpy()
        confusion.add(truth, labels_at(ids, truth.shape))
    return confusion


def describe(
    options: TrainOptions,
    device: torch.device,
    data: dict[str, dict[str, Any]],
    net: SegmentationNet,
    history: list[Epoch],
    scores: ConfusionMatrix | None,
) -> dict[str, Any]:
    """What a checkpoint says of itself; JSON-ready, without a path of this machine."""
    return {
        "net": options.net,
        "encoder": options.encoder,
        "data_name": options.data_name,
        "data_licence": options.data_licence,
        "classes": list(CAMVID.names),
        "parameters": parameter_count(net),
        "recipe": recipe(options),
        "epochs_done": len(history),
        "data": data,
        "scores": {
            "split": options.validate,
            "miou": scores.miou(),
            "pixel_accuracy": scores.pixel_accuracy(),
            "iou": scores.iou(),
        }
        if scores
        else None,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name(),
        "seconds": sum(epoch.seconds for epoch in history),
        "versions": {
            "rtseg": version("rtseg"),
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def keep_freed_memory() -> None:
    """Have the C library keep freed blocks instead of returning them: a third less time a step, measured.

    Every step allocates the same large activations; giving them back costs their page faults again.
    Elsewhere than on glibc this does nothing.
    """
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return
    for parameter, value in ((mmap_threshold, 2**31 - 1), (trim_threshold, 2**31 - 1), (top_pad, 2**28)):
        libc.mallopt(parameter, value)

"""What one epoch of training sees: every frame once, synthetic ones among them, in a seeded order."""

from __future__ import annotations

import itertools
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import torch

from rtseg.report import cores
from rtseg.sources import open_source
from rtseg.sources.drive import render
from rtseg.training.augment import random_view
from rtseg.training.data import image_at, labels_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray
    from torch import Tensor

    from rtseg.training.augment import Augmentation, LabelledImage
    from rtseg.training.data import LabelledFolder
    from rtseg.training.distil import Teachers

SYNTHETIC_FPS = Fraction(30)
FRAMES_PER_DRIVE = 6
SPACING = 50
"""Frames between two that are taken from one synthetic drive."""
FIRST_DRIVE = 1000
"""Seed of the first drive that training sees; smaller ones stay unseen, the demo's among them."""

AHEAD = 3
"""How many batches are made before they are asked for."""
MOST_THREADS = 4
"""How many threads make views, at most; one a core where there are fewer."""

FRAMES_A_FILM = 40
LONGEST_FILM = 1800
"""Frames of a film that are looked at, a minute of one at 30 a second."""

RARE_BELOW = 0.03
"""Share of pixels below which a class is rare: CamVid's pole, sign, fence, pedestrian and bicyclist."""


class Samples:
    """Labelled frames held in memory and handed out as batches of random views.

    Args:
        folders: where the labelled frames come from.
        synthetic_share: share of synthetic frames among all, 0 to below 1; they are rendered here.
        augmentation: how far a view differs from its frame.
        films: sources of frames without labels, `FRAMES_A_FILM` of each, at the labelled frames' size.
        teachers: who look at every frame, if any.
        size_hw: height and width that frames are brought to, once the teachers have looked; None leaves them.
        on_look: told how many frames they have looked at, and of how many.
        seed: with the epoch's number, the only source of randomness.

    Attributes:
        shares: each class's share of the known pixels, (classes,), float64.
        rare: ids of the classes with less than `RARE_BELOW` of the pixels; see `Augmentation.rare_share`.
        pasted: ids of the classes that are pasted into other frames; see `Augmentation.pasted`.
    """

    def __init__(
        self,
        folders: Sequence[LabelledFolder],
        *,
        synthetic_share: float,
        augmentation: Augmentation,
        films: Sequence[str] = (),
        teachers: Teachers | None = None,
        size_hw: tuple[int, int] | None = None,
        on_look: Callable[[int, int], None] = lambda _done, _total: None,
        seed: int,
    ) -> None:
        self.augmentation = augmentation
        self.seed = seed
        classes = folders[0].classes
        self.void_id = classes.void_id
        self.pasted = tuple(classes.names.index(name) for name in augmentation.pasted)
        self.frames: list[LabelledImage] = [
            folder.read(index) for folder in folders for index in range(len(folder))
        ]
        synthetic = round(len(self.frames) * synthetic_share / (1 - synthetic_share))
        height, width = self.frames[0][1].shape
        self.frames += [synthetic_frame(width, height, number) for number in range(synthetic)]
        self.frames += [frame for film in films for frame in unlabelled(film, width, height, self.void_id)]
        self.shares = class_shares((labels for _, labels in self.frames), len(classes))
        for index, (image, labels) in enumerate(self.frames):
            opinions = [teachers.opinion(image, size_hw)] if teachers else []
            size = size_hw or labels.shape
            self.frames[index] = (image_at(image, size), labels_at(labels, size), *opinions)
            if teachers:
                on_look(index + 1, len(self.frames))
        self.rare = tuple(int(index) for index in np.flatnonzero(self.shares < RARE_BELOW))

    def batches_per_epoch(self, batch: int) -> int:
        """How many whole batches an epoch has; what is left over waits for the next epoch's order."""
        return len(self.frames) // batch

    def epoch(self, number: int, batch: int) -> Iterator[tuple[Tensor, ...]]:
        """Batches of images (B, 3, H, W), RGB, labels (B, H, W), and opinions, if any; all uint8.

        Threads make the views of `AHEAD` batches in advance. Each view has a generator of its own, so it is
        the same whatever is made before it.
        """
        rng = np.random.default_rng([self.seed, number])
        order = rng.permutation(len(self.frames))
        coming: deque[list[Future[LabelledImage]]] = deque()
        pool = ThreadPoolExecutor(min(cores(), MOST_THREADS), thread_name_prefix="views")
        try:
            for start in range(0, self.batches_per_epoch(batch) * batch, batch):
                indices = order[start : start + batch]
                coming.append([pool.submit(self._view, number, int(index)) for index in indices])
                if len(coming) > AHEAD:
                    yield _stacked([view.result() for view in coming.popleft()])
            while coming:
                yield _stacked([view.result() for view in coming.popleft()])
        finally:
            pool.shutdown(cancel_futures=True)

    def _view(self, epoch: int, index: int) -> LabelledImage:
        rng = np.random.default_rng([self.seed, epoch, index])
        pastes = rng.random() < self.augmentation.paste_share
        donor = self.frames[rng.integers(len(self.frames))] if pastes else None
        return random_view(
            self.frames[index], self.augmentation, self.void_id, rng, self.rare, donor, self.pasted
        )


def _stacked(views: Sequence[LabelledImage]) -> tuple[Tensor, ...]:
    images, *truth = (torch.from_numpy(np.stack(column)) for column in zip(*views, strict=True))
    return images.permute(0, 3, 1, 2), *truth


def synthetic_frame(width: int, height: int, number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One of the frames that are mixed in: `FRAMES_PER_DRIVE` from each drive, far enough apart to differ."""
    drive, index = divmod(number, FRAMES_PER_DRIVE)
    return render(width, height, SYNTHETIC_FPS, FIRST_DRIVE + drive, index * SPACING)


def unlabelled(film: str, width: int, height: int, void_id: int) -> Iterator[LabelledImage]:
    """`FRAMES_A_FILM` frames of a film, evenly spread over what is shorter than a minute, all of them void.

    Raises:
        InputError: it cannot be read.
    """
    with open_source(film) as source:
        known = source.frame_count or FRAMES_A_FILM
        step = max(1, min(known, LONGEST_FILM) // FRAMES_A_FILM)
        for frame in itertools.islice(source, 0, step * FRAMES_A_FILM, step):
            image = frame.picture.reformat(width, height, "rgb24").to_ndarray()
            yield np.ascontiguousarray(image), np.full((height, width), void_id, np.uint8)


def class_shares(label_images: Iterable[NDArray[np.uint8]], classes: int) -> NDArray[np.float64]:
    """Each class's share of the pixels that have a class, (classes,), float64."""
    counts = np.zeros(classes, dtype=np.int64)
    for labels in label_images:
        counts += np.bincount(labels[labels < classes], minlength=classes)
    return counts / max(int(counts.sum()), 1)

"""Labelled images in CamVid's SegNet layout: `DIR/NAME/*.png` with `DIR/NAMEannot/*.png`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtseg.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from rtseg.classes import ClassSet


class LabelledFolder:
    """One split of a data folder, or every Nth pair of it; pairs are in the order of their names.

    Everything that can be known without decoding is checked at once; a pair is checked when it is read.

    Raises:
        DataError: a folder or a label image is missing, or there is no image at all.
    """

    def __init__(self, root: Path, split: str, classes: ClassSet, *, every: int = 1) -> None:
        self.root = root
        self.split = split
        self.classes = classes
        images, labels = root / split, root / f"{split}annot"
        for folder in (images, labels):
            if not folder.is_dir():
                raise DataError(
                    f"{folder}: there is no such folder. "
                    f"A data folder holds {split}/*.png and {split}annot/*.png."
                )
        self.image_paths = sorted(images.glob("*.png"))[::every]
        self.label_paths = [labels / path.name for path in self.image_paths]
        if not self.image_paths:
            raise DataError(f"{images}: there is no PNG image in this folder.")
        missing = [path for path in self.label_paths if not path.is_file()]
        if missing:
            more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
            raise DataError(
                f"{missing[0]}: this label image is missing{more}. Every image needs one of its own name."
            )

    def __len__(self) -> int:
        return len(self.image_paths)

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Image (H, W, 3), RGB, and labels (H, W), both uint8, owned by the caller.

        Raises:
            DataError: a file does not decode, sizes differ, or a label is neither a class id nor void.
        """
        image_path, label_path = self.image_paths[index], self.label_paths[index]
        image_bgr = cv2.imread(str(image_path), cv2.IMREAD_COLOR)
        if image_bgr is None:
            raise DataError(f"{image_path}: this is not an image that can be read.")
        labels = read_labels(label_path, self.classes)
        if labels.shape != image_bgr.shape[:2]:
            raise DataError(
                f"{label_path}: the label image is {_size(labels)}, but its image is {_size(image_bgr)}. "
                "They must have the same size."
            )
        return np.ascontiguousarray(image_bgr[:, :, ::-1]), labels

    def sha256(self) -> str:
        """One hash of all names and bytes of the split, images and labels."""
        digest = hashlib.sha256()
        for path in (*self.image_paths, *self.label_paths):
            digest.update(f"{path.parent.name}/{path.name}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()


def image_at(image: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """An image (H, W, 3) as a model of that size gets it: each pixel the mean of what it stands for."""
    if image.shape[:2] == size_hw:
        return image
    return np.asarray(cv2.resize(image, size_hw[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def labels_at(ids: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Class ids (H, W) at another size: each pixel has that of the place that its middle lies in."""
    if ids.shape == size_hw:
        return ids
    return np.asarray(cv2.resize(ids, size_hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)


def read_labels(path: Path, classes: ClassSet) -> NDArray[np.uint8]:
    """A label image as class ids (H, W), uint8; `classes.void_id` where a pixel has no class.

    Raises:
        DataError: the file does not decode, is not 8-bit grey, or has an id beyond the classes.
    """
    ids = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if ids is None:
        raise DataError(f"{path}: this is not an image that can be read.")
    if ids.ndim != 2 or ids.dtype != np.uint8:
        raise DataError(f"{path}: a label image is 8-bit grey, one class id a pixel; this one is not.")
    highest = int(ids.max())
    if highest > classes.void_id:
        raise DataError(
            f"{path}: id {highest} is beyond the classes 0…{len(classes) - 1} and void {classes.void_id}."
        )
    return np.asarray(ids, dtype=np.uint8)


def _size(image: NDArray[np.uint8]) -> str:
    return f"{image.shape[1]}×{image.shape[0]}"

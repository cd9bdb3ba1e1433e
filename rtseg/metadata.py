"""What a model file says of itself: the keys of its ONNX `metadata_props`, and their meaning.

All values are strings; those of classes, palette, input and scores are JSON.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, get_args

from rtseg.classes import ClassSet
from rtseg.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

METADATA_KEYS = (
    "name",
    "version",
    "precision",
    "classes",
    "palette",
    "input",
    "data",
    "data_licence",
    "scores",
    "parent_sha256",
    "calibration_sha256",
)
"""What every file has; a file that lacks one is refused."""


class Metadata:
    """The metadata of one file; its methods raise ModelError where a value is not what it should be."""

    def __init__(self, path: Path, values: Mapping[str, str]) -> None:
        missing = [key for key in METADATA_KEYS if key not in values]
        if missing:
            raise ModelError(
                f"{path}: not a model of rtseg, its metadata lacks {', '.join(missing)}. "
                "Write model files with `rtseg export` or `rtseg quantize`."
            )
        self._path = path
        self._values = values

    def text(self, key: str) -> str:
        """Return the value of `key` as it stands."""
        return self._values[key]

    def precision(self) -> Precision:
        """Return the arithmetic inside the file."""
        for precision in PRECISIONS:
            if self._values["precision"] == precision:
                return precision
        raise self._unreadable("precision", f"one of {', '.join(PRECISIONS)}")

    def input_hw(self) -> tuple[int, int]:
        """Return height and width of the input, pixels."""
        match self._json("input"):
            case [int(height), int(width)] if height > 0 and width > 0:
                return height, width
        raise self._unreadable("input", "[height, width]")

    def classes(self) -> ClassSet:
        """Return the classes and their colours."""
        names, palette = self._json("classes"), self._json("palette")
        if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
            raise self._unreadable("classes", "a list of names")
        if not (isinstance(palette, list) and len(palette) == len(names) and all(map(_is_colour, palette))):
            raise self._unreadable("palette", "a list of one [r, g, b] a class")
        return ClassSet(tuple(names), tuple((red, green, blue) for red, green, blue in palette))

    def scores(self) -> Mapping[str, Any]:
        """Return split, miou, pixel_accuracy and iou by class, as the file has them."""
        scores = self._json("scores")
        if not isinstance(scores, dict):
            raise self._unreadable("scores", "an object with split, miou, pixel_accuracy and iou")
        return scores

    def _json(self, key: str) -> object:
        try:
            return json.loads(self._values[key])
        except json.JSONDecodeError:
            raise self._unreadable(key, "JSON") from None

    def _unreadable(self, key: str, wanted: str) -> ModelError:
        return ModelError(
            f"{self._path}: its metadata {key!r} is {self._values[key]!r:.60}, not {wanted}. "
            "Export the model again."
        )


def _is_colour(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3
        and all(isinstance(level, int) and 0 <= level <= 255 for level in value)
    )

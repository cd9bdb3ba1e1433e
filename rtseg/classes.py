"""Class sets: ids, names and colours. The one place where they are written down."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClassSet:
    """Names and colours of the classes that a model tells apart; the id is the position.

    Attributes:
        names: one a class, in id order.
        palette_rgb: one colour a class, levels 0…255, RGB.
    """

    names: tuple[str, ...]
    palette_rgb: tuple[tuple[int, int, int], ...]

    def __post_init__(self) -> None:
        if len(self.names) != len(self.palette_rgb):
            raise ValueError(f"{len(self.names)} class names, but {len(self.palette_rgb)} colours")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def void_id(self) -> int:
        """The id in label images that stands for "no class": one past the last class. Never predicted."""
        return len(self.names)


CAMVID = ClassSet(
    names=(
        "sky",
        "building",
        "pole",
        "road",
        "pavement",
        "tree",
        "sign",
        "fence",
        "car",
        "pedestrian",
        "bicyclist",
    ),
    palette_rgb=(
        (128, 128, 128),
        (128, 0, 0),
        (192, 192, 128),
        (128, 64, 128),
        (60, 40, 222),
        (128, 128, 0),
        (192, 128, 128),
        (64, 64, 128),
        (64, 0, 128),
        (64, 64, 0),
        (0, 128, 192),
    ),
)
"""CamVid's eleven classes in SegNet's order and colours (Badrinarayanan et al. 2017); id 11 is void."""

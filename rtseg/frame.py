"""What travels through the pipeline: one record a stage, each holding the one before.

    capture ─► Frame ─► preprocess ─► Prepared ─► infer ─► Labelled ─► colorize ─► Painted ─► present

With `--every` over a file, `Followed` says of each frame what has moved, and the `Placed` of
`rtseg/pipeline/gaps.py` which labels it lies between.

Records are frozen; the pixels they point to are shared, and nobody writes into pixels that another stage
made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fractions import Fraction

    import av
    import numpy as np
    from numpy.typing import NDArray

Fate = Literal["fresh", "propagated", "held"]
"""Where shown labels come from: this frame, others moved along the flow, an older one as it was."""


@dataclass(slots=True)
class Slot:
    """When a frame of a live run is to be shown, and when it was. Instants are monotonic, ns.

    Attributes:
        due_ns: the instant at which it is to be shown; without a fixed latency the one of its capture.
        wanted: whether it goes to inference; if not, older labels are moved to it.
        shown_ns: when it was handed to the sinks.
    """

    due_ns: int
    wanted: bool = True
    shown_ns: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture from a source.

    Attributes:
        index: 0 for the source's first frame, then counting up without a gap.
        pts: presentation time, in `time_base` units, strictly rising within a source.
        time_base: seconds a unit of `pts`.
        captured_ns: monotonic clock, nanoseconds, taken as soon as the picture was in memory.
        picture: the pixels, in the format they were decoded in. Read only: a decoder may still refer to them.
            They live as long as this object.
        name: of the image file that the picture comes from, without folder and ending; None in a film.
        busy_ns: nanoseconds that each stage was busy with this frame, by its name. This and `begun_ns`
            change: the pipeline adds a stage's time before it hands the frame on.
        begun_ns: the instant, monotonic, at which each stage began with this frame.
        slot: when it is to be shown, in a live run; None over a file.
    """

    index: int
    pts: int
    time_base: Fraction
    captured_ns: int
    picture: av.VideoFrame
    name: str | None = None
    busy_ns: dict[str, int] = field(default_factory=dict, compare=False)
    begun_ns: dict[str, int] = field(default_factory=dict, compare=False)
    slot: Slot | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class LabelMap:
    """The classes of a frame's pixels, at the model's size.

    Attributes:
        ids: class ids, uint8, (H, W), H and W the model's. Owned by this object, read only.
        fate: where the ids come from.
    """

    ids: NDArray[np.uint8]
    fate: Fate = "fresh"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A frame and its model input.

    Attributes:
        frame: the frame.
        image_rgb: uint8, (H, W, 3), C-contiguous, RGB, H and W the model's.
    """

    frame: Frame
    image_rgb: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Followed:
    """A frame, and how it follows from those before it, where not every frame is inferred.

    Attributes:
        frame: the frame.
        is_key: whether it is to be inferred.
        small: its luma, uint8, (h, w), reduced.
        step: float32, (h, w, 2): where each pixel of `small` was in the frame before, relative, x then y, in
            small pixels. None where nothing leads from there: at the beginning, at a cut.
        back: where each pixel of the frame before is in this one; None with `step`.
        from_key: where each pixel was in the latest key frame before this frame; None with `step`.
        residual: uint8, (h, w): how much each pixel differs from the one of that key frame; None with `step`.
    """

    frame: Frame
    is_key: bool
    small: NDArray[np.uint8]
    step: NDArray[np.float32] | None
    back: NDArray[np.float32] | None
    from_key: NDArray[np.float32] | None
    residual: NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True)
class Labelled:
    """A frame and its labels."""

    frame: Frame
    label_map: LabelMap


@dataclass(frozen=True, slots=True)
class Painted:
    """A frame, its labels and the picture that a person sees.

    Attributes:
        frame: the frame.
        label_map: its labels.
        picture: what is shown, of the frame's size, yuv420p, tagged with the frame's colour space and range.
    """

    frame: Frame
    label_map: LabelMap
    picture: av.VideoFrame

"""What every source is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction
    from types import TracebackType

    from typing_extensions import Self

    from rtseg.frame import Frame


@dataclass(frozen=True, slots=True)
class Film:
    """The video file that frames come from, for what is taken over from it beside the pictures.

    Attributes:
        path: the file.
        stream: number of the stream in it that is shown.
        sample_aspect_ratio: width by height of a pixel, as shown; 1 where the file does not say.
    """

    path: str
    stream: int
    sample_aspect_ratio: Fraction


class Source(Protocol):
    """Delivers frames, in order. Opened, iterated (once) and closed by one thread.

    The attributes are for reading only, and hold once the source is entered.
    """

    @property
    def uri(self) -> str:
        """What the user named, without passwords."""

    @property
    def width(self) -> int:
        """Pixels a row, as delivered."""

    @property
    def height(self) -> int:
        """Rows, as delivered."""

    @property
    def fps(self) -> Fraction:
        """Nominal frame rate; single frames may be spaced differently."""

    @property
    def frame_count(self) -> int | None:
        """How many frames to expect, None where nobody knows. For progress bars only."""

    @property
    def time_base(self) -> Fraction:
        """Seconds a unit of `Frame.pts`."""

    @property
    def film(self) -> Film | None:
        """The video file that the frames come from; None where there is none."""

    @property
    def first_pts(self) -> int:
        """Presentation time of the source's first frame, also where the delivery begins later."""

    @property
    def exhausted(self) -> bool:
        """Whether it has delivered its last frame; False while it goes on and where it was left early."""

    @property
    def warnings(self) -> list[str]:
        """One line for each oddity met; complete once the iteration has ended."""

    def __enter__(self) -> Self:
        """Open.

        Raises:
            InputError: it cannot be read.
        """
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close; frames that were delivered stay usable."""
        ...

    def begin_at(self, index: int, after_pts: int | None = None) -> None:
        """Deliver only the frames from `index` on, with the same numbers and times; before the iteration.

        Args:
            index: number of the first frame to deliver.
            after_pts: presentation time of the frame before it, where it is known; a proof that the frames
                that are passed over are the same as before.
        """
        ...

    def __iter__(self) -> Iterator[Frame]:
        """All frames, or those from `begin_at` on.

        Raises:
            SourceFault: it failed on the way.
        """
        ...

"""What every source is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction
    from types import TracebackType

    from typing_extensions import Self

    from rtseg.frame import Frame


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

    def __iter__(self) -> Iterator[Frame]:
        """All frames.

        Raises:
            SourceFault: it failed on the way.
        """
        ...

"""The latest picture, handed from the pipeline's thread to the window's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from rtseg.frame import Painted


class LatestPicture:
    """A sink that keeps the latest picture for whoever looks. Written by one thread, read by any.

    Attributes:
        painted: the latest; None before the first.
        warnings: stays empty.
    """

    def __init__(self) -> None:
        self.painted: Painted | None = None
        self.warnings: list[str] = []

    def __enter__(self) -> Self:
        """Nothing is to be opened."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing is to be closed; the last picture stays."""

    def write(self, painted: Painted) -> None:
        """Replace the picture."""
        self.painted = painted

    def end_segment(self) -> dict[str, Any]:
        """Do nothing."""
        return {}

"""What every sink is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from rtseg.frame import Painted


class Sink(Protocol):
    """Takes painted pictures, in order. Opened, written to and closed by one thread."""

    @property
    def warnings(self) -> list[str]:
        """One line for each oddity met; complete once the sink is closed."""

    def __enter__(self) -> Self:
        """Open.

        Raises:
            OutputError: it cannot be written to.
        """
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close such that what was written is whole, also after an error.

        Raises:
            SinkFault: closing failed.
        """
        ...

    def write(self, painted: Painted) -> None:
        """Take one picture. It may be kept; its pixels are never written to again.

        Raises:
            SinkFault: writing failed; what was written before is whole once the sink is closed.
        """
        ...

    def end_segment(self) -> dict[str, Any]:
        """Bring all that was written to the disk, where it survives a crash; the next picture begins afresh.

        Returns what `rtseg.sinks.kept` needs to find and keep it, JSON-ready; nothing for images, each of
        which is whole by itself.

        Raises:
            SinkFault: writing failed.
        """
        ...

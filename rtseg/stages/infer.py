"""Labels from the model's input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtseg.frame import Labelled, LabelMap, Prepared

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from rtseg.backends.base import Backend


class Infer:
    """Runs a backend on each frame; entering and leaving the stage opens and closes it."""

    name = "infer"

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @property
    def parallel(self) -> int:
        """How many frames are under way at the same time."""
        return self._backend.streams

    def __enter__(self) -> Self:
        """Open the backend."""
        self._backend.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the backend."""
        self._backend.close()

    def process(self, prepared: Prepared) -> Labelled:
        """Label one frame. The model's input is let go; the labels are the caller's."""
        return Labelled(prepared.frame, LabelMap(self._backend.infer(prepared.image_rgb)))

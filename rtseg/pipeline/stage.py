"""What the pipeline asks of a stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class NotShown:
    """What a stage returns for a frame that goes no further.

    Attributes:
        cause: why, for the books.
    """

    cause: str


class Stage(Protocol):
    """One step of a frame's way. All its methods are called in one thread, its own, which bears its name.

    A stage with an attribute `parallel` above 1 has so many threads of that name, and `process` is called in
    all of them at the same time; results go on in the order of the items none the less.
    """

    @property
    def name(self) -> str:
        """The name in errors, figures and thread lists; unique in a pipeline."""

    def __enter__(self) -> object:
        """Get ready. No frame is captured before all stages are."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Let go of everything, after the last item. The error, if any, is one that this stage raised.

        Called whenever `__enter__` has returned, also when another stage failed.
        """

    def process(self, item: Any, /) -> Any:  # noqa: ANN401 (what an item is, the neighbours know)
        """Turn an item into what the next stage takes; the last stage returns None.

        `NotShown` instead ends the frame's way. An item is a `Frame`, or has it as `.frame`.
        The pipeline keeps no item that was handed on.
        """

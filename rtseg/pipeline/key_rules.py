"""What holds over a file where only key frames are inferred: nothing is lost, and frames wait for labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtseg.pipeline.gaps import Gaps
from rtseg.pipeline.mailbox import Mailbox
from rtseg.pipeline.rules import INFER, FileRules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtseg.pipeline.books import Bookkeeper

FOLLOW = "follow"
"""The stage that tells which frames are key frames."""


class KeyRules(FileRules):
    """Lossless and ordered. From `FOLLOW` on only key frames go to inference; all wait behind it (`Gaps`)."""

    def __init__(self, room: int) -> None:
        """Choose how many frames may wait behind inference; see `Gaps`."""
        super().__init__()
        self._room = room
        self._gaps: Gaps | None = None
        self._follow = self._infer = 0

    def mailboxes(self, stages: Sequence[str], bookkeeper: Bookkeeper) -> list[Any]:
        """Make a mailbox before each stage; behind inference it is the `Gaps`."""
        self._follow, self._infer = (stages.index(stage) + 1 for stage in (FOLLOW, INFER))
        cause = f"stopped before {stages[self._infer]}"
        self._gaps = Gaps(self._room, on_lost=lambda frames: bookkeeper.drop(cause, frames))
        mailboxes: list[Any] = [Mailbox(self.capacity) for _ in stages]
        mailboxes[self._infer] = self._gaps
        return mailboxes

    def admit(self, stage: str, item: Any) -> tuple[Any, bool]:  # noqa: ANN401 (what it is, stages know)
        """Let every frame wait for its labels; only key frames go on to inference."""
        if stage != FOLLOW:
            return item, True
        assert self._gaps is not None
        self._gaps.expect(item)
        return item.frame, item.is_key

    def is_lost(self, position: int) -> bool:
        """Whether it is lost: on the way through inference key frames are not, which wait beside it, too."""
        return not self._follow < position <= self._infer

    def is_lost_behind(self, position: int) -> bool:
        """Whether it is lost: from `FOLLOW` on, as above."""
        return not self._follow <= position <= self._infer

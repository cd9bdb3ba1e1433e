"""The two policies: a file loses no frame, a live picture is never old."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rtseg.frame import Slot
from rtseg.pipeline.clock import NS_PER_MS, s_from_ns
from rtseg.pipeline.deadline import Deadline
from rtseg.pipeline.mailbox import Mailbox
from rtseg.pipeline.priority import be_courteous, be_prompt, be_punctual, may_be_punctual
from rtseg.pipeline.schedule import Schedule
from rtseg.pipeline.thinning import Thinning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtseg.frame import Fate, Frame
    from rtseg.pipeline.books import Bookkeeper

CAPTURE = "capture"
"""The name of the source's thread and of its figures; no stage may have it."""
INFER = "infer"
"""The stage behind which frames wait for their slots."""

_WATCHFUL_NS = NS_PER_MS // 5
"""Before a slot, the clock is looked at all the time; sleeping ends when the system likes."""


class FileRules:
    """Lossless and ordered: a full mailbox blocks the stage before it."""

    def __init__(self, capacity: int = 2) -> None:
        """Choose how many items a mailbox holds."""
        self.capacity = capacity

    def mailboxes(self, stages: Sequence[str], bookkeeper: Bookkeeper) -> list[Any]:  # noqa: ARG002
        """Make a mailbox before each stage, given their names."""
        return [Mailbox(self.capacity) for _ in stages]

    def admit(self, stage: str, item: Any) -> tuple[Any, bool]:  # noqa: ANN401, ARG002 (what it is, stages know)
        """See what comes from a stage, or from capture; tells what goes on to the next one, and whether.

        Raises:
            MailboxClosedError: it will never be shown.
        """
        return item, True

    def is_lost(self, position: int) -> bool:  # noqa: ARG002
        """Whether a frame that goes astray at a position is not shown."""
        return True

    def is_lost_behind(self, position: int) -> bool:
        """Whether a frame is not shown that a position was done with and that the next did not take."""
        return self.is_lost(position)

    def forgives(self, stage: str, error: Exception) -> bool:  # noqa: ARG002
        """Whether the run goes on after a stage has raised."""
        return False

    def begin(self, stage: str) -> None:
        """Set up the calling thread, which is about to open that stage."""

    def done(self, stage: str, busy_ns: int) -> None:
        """Learn how long a stage was busy with a frame."""

    def wait_for_slot(self, frame: Frame) -> bool:  # noqa: ARG002
        """Wait until the painted frame is to be shown; False if it is too late for that."""
        return True

    def shown(self, frame: Frame, fate: Fate, done_ns: int) -> int:  # noqa: ARG002
        """Note that the sinks have the frame; returns since when."""
        return done_ns


class LiveRules(FileRules):
    """Latest wins: a newer frame takes the place of an older one that nobody has taken yet.

    With a latency, every frame has a slot, whether it is inferred or not: see `Schedule`.

    Attributes:
        thinning: which frames are inferred; all of them without a latency.
        deadline: how punctual the run is; None without a latency.
        schedule: where frames wait for their slots; None without a latency, and before the run.
        forgiven: how often a stage raised and the run went on, by its name.
        last_error: the last of those errors, by the stage's name.
    """

    def __init__(
        self,
        *,
        latency_ns: int | None = None,
        tolerance_ns: int = 10 * NS_PER_MS,
        every: int | None = None,
        skip_errors: bool = False,
    ) -> None:
        """Choose.

        Args:
            latency_ns: from capture to slot; None shows each frame as soon as it can be.
            tolerance_ns: how long after its slot a frame may still be shown.
            every: infer every nth frame; None for as many as the machine can. Without a latency all.
            skip_errors: pass over frames for which a stage raised; the sinks' errors always end the run.
        """
        super().__init__()
        self.thinning = Thinning(every if latency_ns is not None else 1)
        self.deadline = Deadline(latency_ns) if latency_ns is not None else None
        self.schedule: Schedule | None = None
        self.forgiven: Counter[str] = Counter()
        self.last_error: dict[str, str] = {}
        self._latency_ns = latency_ns
        self._tolerance_ns = tolerance_ns
        self._skip_errors = skip_errors
        self._stages: Sequence[str] = ()
        self._bookkeeper: Bookkeeper | None = None

    def mailboxes(self, stages: Sequence[str], bookkeeper: Bookkeeper) -> list[Any]:
        """Make a mailbox before each stage; behind inference it is the schedule, if there is a latency."""
        self._stages, self._bookkeeper = stages, bookkeeper
        if self._latency_ns is None:
            return [Mailbox(1, latest_wins=True) for _ in stages]

        def count_late(frames: int) -> None:
            bookkeeper.drop("late", frames)
            self._deadline.late(frames)

        self.schedule = Schedule(self._latency_ns, tolerance_ns=self._tolerance_ns, on_late=count_late)
        before = stages.index(INFER) + 1
        after = len(stages) - before - 1
        return [
            *(Mailbox[Any](1, latest_wins=True) for _ in range(before)),
            self.schedule,
            *(Mailbox[Any](self.capacity) for _ in range(after)),
        ]

    def admit(self, stage: str, item: Any) -> tuple[Any, bool]:  # noqa: ANN401 (as above)
        """Give a captured frame its slot, and choose whether it is inferred."""
        if stage != CAPTURE:
            return item, True
        frame: Frame = item
        wanted = self.thinning.wants(frame.captured_ns)
        if self.schedule is not None:
            return self.schedule.expect(frame, wanted=wanted), wanted
        return replace(frame, slot=Slot(frame.captured_ns)), wanted

    def change_latency(self, latency_ns: int) -> None:
        """Go on at another latency, and count anew how punctual the run is. Frames that wait are dropped."""
        assert self.schedule is not None
        assert self._bookkeeper is not None
        self.deadline = Deadline(latency_ns)
        self._bookkeeper.drop("latency was changed", self.schedule.change_latency(latency_ns))

    def is_lost(self, position: int) -> bool:
        """Whether it is lost: up to inference, frames with a slot are not."""
        return self.schedule is None or position > self._stages.index(INFER) + 1

    def forgives(self, stage: str, error: Exception) -> bool:
        """Pass over the frame, if asked to; what goes wrong in the last stage is a sink's fault."""
        if not self._skip_errors or stage == self._stages[-1]:
            return False
        self.forgiven[stage] += 1
        self.last_error[stage] = f"{type(error).__name__}: {error}".splitlines()[0]
        return True

    def begin(self, stage: str) -> None:
        """Give way to nobody where frames are painted and shown; where that is not allowed, in inference."""
        if stage == INFER:
            if not may_be_punctual():
                be_courteous()
        elif self.schedule is not None and stage == self._stages[-1]:
            be_punctual()
        elif self.schedule is not None and self._stages.index(stage) > self._stages.index(INFER):
            be_prompt()

    def done(self, stage: str, busy_ns: int) -> None:
        """Learn what inference and painting cost."""
        if stage == INFER:
            self.thinning.inferred(busy_ns)

    def wait_for_slot(self, frame: Frame) -> bool:
        """Wait for the frame's slot."""
        slot, schedule = frame.slot, self.schedule
        assert slot is not None
        if schedule is None:
            slot.shown_ns = time.monotonic_ns()
            return True
        painting = self._stages[self._stages.index(INFER) + 1 : -1]
        schedule.took(sum(frame.busy_ns.get(stage, 0) for stage in painting))
        if schedule.is_late(slot):
            self._deadline.late(1)
            return False
        sleep_until(slot.due_ns)
        slot.shown_ns = time.monotonic_ns()
        return True

    def shown(self, frame: Frame, fate: Fate, done_ns: int) -> int:  # noqa: ARG002
        """Note how punctual the frame was; it counts from the instant at which it was handed to the sinks."""
        assert frame.slot is not None
        if self.deadline is not None:
            self.deadline.shown(frame.slot, fate)
        return frame.slot.shown_ns

    @property
    def _deadline(self) -> Deadline:
        assert self.deadline is not None
        return self.deadline


def sleep_until(instant_ns: int) -> None:
    """Sleep until an instant of the monotonic clock, to within what the system allows."""
    while (left_ns := instant_ns - time.monotonic_ns()) > 0:
        time.sleep(s_from_ns(max(left_ns - _WATCHFUL_NS, 0)))

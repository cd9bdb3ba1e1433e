"""Which pictures of a stream never came, judging by what did."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from rtseg.pipeline.clock import s_from_ns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

DECODE_ERROR, SOURCE_GAP = "decode error", "source gap"

_WINDOW = 30
_ENOUGH = 15
"""Steps that must be known before a longer one is called a gap."""
_REGULAR = 0.9
"""Share of them that must lie on a grid."""
_OFF_GRID = 0.25
_AHEAD_S = 1.0
"""Stream time may not outrun real time by more; if it does, the timestamps have jumped."""
_MOST_PENDING = 300


class Gaps:
    """Counts frames that are missing between others, at once, where frames come regularly.

    Regular is a stream whose last steps are whole multiples of one step, the shorter ones of them (so that a
    stream with a third of its frames missing still is). A change of the frame rate is taken for gaps for less
    than a second.
    """

    def __init__(self, time_base: Fraction) -> None:
        """Timestamps come in units of `time_base` seconds."""
        self._unit_s = float(time_base)
        self._steps: deque[float] = deque(maxlen=_WINDOW)
        self._last: int | None = None
        self._anchor: tuple[int, int] | None = None

    def missing_before(self, pts: int, now_ns: int) -> int:
        """How many frames are missing between the one before and this one, which came at `now_ns`."""
        last, self._last = self._last, pts
        if last is None or pts <= last or self._jumped(pts, now_ns):
            self._anchor = (pts, now_ns)
            return 0
        step = float(pts - last)
        missing = self._missing_in(step)
        self._steps.append(step)
        return missing

    def _jumped(self, pts: int, now_ns: int) -> bool:
        if self._anchor is None:
            return False
        begin_pts, begin_ns = self._anchor
        return (pts - begin_pts) * self._unit_s > s_from_ns(now_ns - begin_ns) + _AHEAD_S

    def _missing_in(self, step: float) -> int:
        if len(self._steps) < _ENOUGH:
            return 0
        usual = sorted(self._steps)[len(self._steps) // 4]
        on_grid = sum(abs(known / usual - max(1, round(known / usual))) <= _OFF_GRID for known in self._steps)
        return max(0, round(step / usual) - 1) if on_grid >= _REGULAR * len(self._steps) else 0


class Tally:
    """Counts the pictures of one connection that were lost, each once.

    A packet that came but gave no picture is a decode error, counted when a later one does give a picture. A
    picture for which there was not even a packet is a source gap.

    Attributes:
        lost: by cause.
    """

    def __init__(self, time_base: Fraction) -> None:
        """Timestamps come in units of `time_base` seconds."""
        self._counts: Counter[str] = Counter()
        self._gaps = Gaps(time_base)
        self._pending: dict[int, None] = {}
        self._has_begun = False

    @property
    def lost(self) -> Mapping[str, int]:
        """How many pictures were lost, by cause."""
        return dict(self._counts)

    def begin(self) -> None:
        """Count from now on: nobody had asked for what was lost before."""
        self._has_begun = True

    def packet(self, pts: int | None) -> None:
        """A packet goes into the decoder."""
        if pts is not None:
            self._pending[pts] = None
        if len(self._pending) > _MOST_PENDING:
            del self._pending[next(iter(self._pending))]
            self._count(DECODE_ERROR, 1)

    def error(self, pts: int | None) -> None:
        """The decoder refused a packet; one with a time is counted when the next picture comes."""
        if pts is None:
            self._count(DECODE_ERROR, 1)

    def picture(self, pts: int | None, now_ns: int, *, is_interlaced: bool = False) -> None:
        """A picture came out of the decoder, in the order of showing."""
        if pts is None:
            return
        passed_over = [pending for pending in self._pending if pending <= pts]
        for pending in passed_over:
            del self._pending[pending]
        # The two fields of an interlaced picture may have come in packets of their own.
        undecoded = 0 if is_interlaced else sum(pending < pts for pending in passed_over)
        missing = self._gaps.missing_before(pts, now_ns)
        self._count(DECODE_ERROR, undecoded)
        self._count(SOURCE_GAP, max(0, missing - undecoded))

    def miss(self) -> None:
        """A picture came too late to be of use."""
        self._count(SOURCE_GAP, 1)

    def end(self) -> None:
        """Nothing more will come: what is still in the decoder is lost."""
        self._count(DECODE_ERROR, len(self._pending))
        self._pending.clear()

    def _count(self, cause: str, pictures: int) -> None:
        if self._has_begun and pictures > 0:
            self._counts[cause] += pictures

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
_DEEPEST_REORDERING = 17
"""Pictures that may come before one that was sent before them: no codec here reorders over more than 16."""


class Gaps:
    """Counts frames that are missing between others, at once, where frames come regularly.

    Regular is a stream whose last steps are whole multiples of one of the shorter steps, so that one with a
    third of its frames missing still is. A change of the frame rate is taken for gaps for less than a second.
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
            self._steps.append(0.0)
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
        rising = sorted(known for known in self._steps if known)
        if len(rising) < _REGULAR * len(self._steps):
            return 0
        usual = rising[len(rising) // 4]
        on_grid = sum(abs(known / usual - max(1, round(known / usual))) <= _OFF_GRID for known in rising)
        return max(0, round(step / usual) - 1) if on_grid >= _REGULAR * len(self._steps) else 0


class Tally:
    """Counts the pictures of one connection that were lost, each once.

    A packet that came but gave no picture is a decode error, counted when a later one has given a picture, or
    so many later ones, where pictures are reordered, that its own cannot come any more. A picture for which
    there was not even a packet is a source gap.

    Attributes:
        lost: by cause.
    """

    def __init__(self, time_base: Fraction) -> None:
        """Timestamps come in units of `time_base` seconds."""
        self._counts: Counter[str] = Counter()
        self._gaps = Gaps(time_base)
        # Of packets whose pictures have not come, with how many came since that were behind them.
        self._pending: dict[int, int] = {}
        self._last_pts: int | None = None
        self._latest_packet: int | None = None
        self._is_reordered = False
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
        if pts is None:
            return
        self._is_reordered |= self._latest_packet is not None and pts < self._latest_packet
        self._latest_packet = pts
        self._pending[pts] = 0
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
        last, self._last_pts = self._last_pts, pts
        self._is_reordered |= last is not None and pts < last
        self._pending.pop(pts, None)
        undecoded = sum(last is not None and last < pending < pts for pending in self._pending)
        missing = self._gaps.missing_before(pts, now_ns)
        self._count(SOURCE_GAP, max(0, missing - undecoded))
        self._give_up(pts, is_interlaced=is_interlaced)

    def miss(self) -> None:
        """A picture came too late to be of use."""
        self._count(SOURCE_GAP, 1)

    def end(self) -> None:
        """Nothing more will come: what is still in the decoder is lost."""
        self._count(DECODE_ERROR, len(self._pending))
        self._pending.clear()

    def _give_up(self, pts: int, *, is_interlaced: bool) -> None:
        """Count the packets whose pictures cannot come any more."""
        overtaken = [pending for pending in self._pending if pending < pts]
        for pending in overtaken:
            self._pending[pending] += 1
        enough = _DEEPEST_REORDERING if self._is_reordered else 1
        lost = [pending for pending in overtaken if self._pending[pending] >= enough]
        for pending in lost:
            del self._pending[pending]
        # The two fields of an interlaced picture may have come in packets of their own.
        self._count(DECODE_ERROR, 0 if is_interlaced else len(lost))

    def _count(self, cause: str, pictures: int) -> None:
        if self._has_begun and pictures > 0:
            self._counts[cause] += pictures

"""Labels moved along dense optical flow, from a frame that has them to a later one that has not."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rtseg.stages.flow import FlowSearch, Mover, composed

if TYPE_CHECKING:
    import av
    from numpy.typing import NDArray

    from rtseg.stages.flow import Displacement


@dataclass(frozen=True, slots=True)
class _Link:
    """How one frame follows from the one before it.

    Attributes:
        previous: index of the frame before; None for the first of a chain.
        flow: where each pixel was in the frame before. None where there is no telling: at the beginning, at
            a cut, at a change of size.
    """

    previous: int | None
    flow: Displacement | None


class Motion:
    """Remembers how the latest frames moved, and moves labels that way.

    Every frame is shown to `add`, in order; then `moved` brings labels from any of them to any later one, as
    long as nothing in between is a cut. Dense inverse search (Kroeger et al., 2016) gives each step; steps
    are composed to one displacement before labels are touched, so an edge is rounded to pixels only once.

    Owned by one thread.
    """

    def __init__(self, memory: int = 64) -> None:
        """Begin without frames.

        Args:
            memory: how many steps are remembered, of about 100 kB each; ValueError for less than one.
        """
        if memory < 1:
            raise ValueError(f"at least 1 step has to be remembered, not {memory}")
        self._memory = memory
        self._search = FlowSearch()
        self._mover = Mover()
        self._links: OrderedDict[int, _Link] = OrderedDict()
        self._last: int | None = None
        self._last_size = (0, 0)
        self._last_small = np.empty((0, 0), np.uint8)
        self._composed: tuple[int, int, Displacement] | None = None

    def add(self, index: int, picture: av.VideoFrame) -> None:
        """Compute and remember the step from the frame added before to this one.

        Args:
            index: the frame's number, above all before it; there may be gaps. One that is not above begins
                a new chain, as does a picture of another size.
            picture: of any size and format; it is only read, and not kept.
        """
        size = (picture.width, picture.height)
        small = self._search.small_from(picture)
        if self._last is None or index <= self._last or size != self._last_size:
            self._links.clear()
            self._composed = None
            link = _Link(None, None)
        else:
            link = _Link(self._last, self._search.step(small, self._last_small))
        self._links[index] = link
        if len(self._links) > self._memory:
            self._links.popitem(last=False)
        self._last, self._last_size, self._last_small = index, size, small

    def moved(self, ids: NDArray[np.uint8], from_index: int, to_index: int) -> NDArray[np.uint8] | None:
        """Move the labels of one frame to where they lie in another.

        Args:
            ids: class ids of frame `from_index`, uint8, (H, W), at any size; they are only read.
            from_index: the frame that they belong to.
            to_index: a frame that was added later.

        Returns:
            Class ids, uint8, (H, W), the caller's own. What has come into the picture takes the nearest that
            was in it. None where it cannot be known: one of the frames was never added, too many have come
            since, or there is a cut between them.
        """
        displacement = self._displacement(from_index, to_index)
        return None if displacement is None else self._mover.moved(ids, displacement)

    def _displacement(self, from_index: int, to_index: int) -> Displacement | None:
        """Where each pixel of one frame was in the other, as in `_Link.flow`; None where it is not known."""
        known_to, displacement = None, None
        if self._composed is not None and self._composed[0] == from_index:
            _, known_to, displacement = self._composed
        flows: list[Displacement] = []
        index: int | None = to_index
        while index != from_index and (index is None or index != known_to):
            link = self._links.get(index) if index is not None else None
            if link is None or link.flow is None:
                return None
            flows.append(link.flow)
            index = link.previous
        if index == from_index:
            displacement = None
        for flow in reversed(flows):
            displacement = flow if displacement is None else composed(flow, displacement)
        if displacement is not None:
            self._composed = (from_index, to_index, displacement)
        return displacement

"""A long film cut into pieces, so that many workers can make it, and put together again without a seam."""

from __future__ import annotations

import dataclasses
import itertools
import shutil
from typing import TYPE_CHECKING

from rtseg.batch.job import Job
from rtseg.sinks.kept import Forerun
from rtseg.sinks.segments import SEGMENT_FRAMES
from rtseg.sources.opening import open_container, pick_stream
from rtseg.sources.seeking import frame_index

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rtseg.batch.job import Result
    from rtseg.options import RunOptions

LEAST_FRAMES = 10 * SEGMENT_FRAMES
"""Of a piece: less is not worth a worker's beginning."""


@dataclasses.dataclass(frozen=True, slots=True)
class Cutting:
    """How a film is cut.

    Attributes:
        options: the run over the whole film.
        folder: where the pieces go; removed with them.
        bounds: number of each piece's first frame, and at last of the frame after the film's last.
    """

    options: RunOptions
    folder: Path
    bounds: tuple[int, ...]

    def jobs(self) -> list[Job]:
        """The work on each piece."""
        return [Job(self._piece(begin, end)) for begin, end in itertools.pairwise(self.bounds)]

    def is_whole(self, results: Sequence[Result]) -> bool:
        """Whether each piece has all its frames, undamaged: else they are not where they seemed."""
        expected = [end - begin for begin, end in itertools.pairwise(self.bounds)]
        made = [result.frames for result in results if not (result.error or result.damaged)]
        return made == expected

    def joining(self, results: Sequence[Result]) -> Job:
        """The work of putting the pieces together."""
        kept = {kind: [result.made[kind] for result in results] for kind in self.options.outputs}
        return Job(self.options, Forerun(self.bounds[-1], None, kept))

    def remove(self) -> None:
        """Remove the pieces."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _piece(self, begin: int, end: int) -> RunOptions:
        endings = {kind: path.suffix for kind, path in self.options.outputs.items()}
        places = {kind: self.folder / f"{kind}-{begin:09d}{ending}" for kind, ending in endings.items()}
        table = places.get("table")
        return dataclasses.replace(
            self.options,
            out=places.get("video"),
            labels=places.get("labels"),
            table=table.with_suffix(".parquet") if table else None,
            begin=begin,
            max_frames=end,
            companions=False,
            resume=True,
            overwrite=False,
        )


def cutting_for(options: RunOptions, folder: Path, workers: int) -> Cutting | None:
    """Cut a film for so many workers; None where it is too short, or where its frames cannot be told apart.

    Raises:
        InputError: the source cannot be read.
    """
    with open_container(options.source) as container:
        stream = pick_stream(container, options.source, options.stream).index
    index = frame_index(options.source, stream)
    frames = len(index.pts) if index is not None else 0
    if workers < 2 or frames < 2 * LEAST_FRAMES:
        return None
    segments = -(-frames // (2 * workers * SEGMENT_FRAMES))
    step = max(LEAST_FRAMES, segments * SEGMENT_FRAMES)
    return Cutting(options, folder, (*range(0, frames, step), frames))

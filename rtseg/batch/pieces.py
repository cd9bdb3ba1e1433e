"""A long film cut into pieces, so that many workers can make it, and put together again without a seam."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from rtseg.batch.job import Job, Result
from rtseg.journal import content_of
from rtseg.sinks.kept import Forerun, Kept
from rtseg.sinks.segments import SEGMENT_FRAMES
from rtseg.sources.opening import open_container, pick_stream
from rtseg.sources.seeking import frame_index

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rtseg.options import RunOptions

LEAST_FRAMES = 10 * SEGMENT_FRAMES
"""Of a piece: less is not worth a worker's beginning."""

_NOTES = "pieces.jsonl"


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

    def is_whole(self, results: Mapping[int, Result]) -> bool:
        """Whether each piece has all its frames, undamaged: else they are not where they seemed."""
        return all(
            result.frames == end - begin and not (result.error or result.damaged)
            for (begin, end), result in zip(itertools.pairwise(self.bounds), _in_order(results), strict=True)
        )

    def joining(self, results: Mapping[int, Result]) -> Job:
        """The work of putting the pieces together."""
        kept = {kind: [result.made[kind] for result in _in_order(results)] for kind in self.options.outputs}
        return Job(self.options, Forerun(self.bounds[-1], None, kept))

    def note(self, piece: int, result: Result) -> None:
        """Write down that a piece is made, so that a later batch need not make it again."""
        if result.error or result.damaged:
            return
        made = {kind: (one.path.name, one.state) for kind, one in result.made.items()}
        line = json.dumps([self._facts(), piece, result.frames, made]) + "\n"
        with suppress(OSError), (self.folder / _NOTES).open("a", encoding="utf-8") as notes:
            notes.write(line)

    def results_on_disk(self) -> dict[int, Result]:
        """The pieces that an earlier batch has made of the same film in the same way; makes the folder."""
        results = {}
        with suppress(OSError, ValueError):
            for line in (self.folder / _NOTES).read_text(encoding="utf-8").splitlines():
                facts, piece, frames, made = json.loads(line)
                if facts != self._facts():
                    break
                kept = {kind: Kept(self.folder / name, frames, state) for kind, (name, state) in made.items()}
                if all(one.path.is_file() for one in kept.values()):
                    results[piece] = Result(frames, made=kept)
        if not results:
            self.remove()
        self.folder.mkdir(parents=True, exist_ok=True)
        return results

    def remove(self) -> None:
        """Remove the pieces."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _facts(self) -> list[str]:
        """What pieces are made from and how; equal for pieces that can be put together."""
        how = dataclasses.replace(self.options, threads=None, resume=False, overwrite=False)
        return [content_of(self.options.source), repr(how), repr(self.bounds)]

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
            overwrite=True,
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


def _in_order(results: Mapping[int, Result]) -> list[Result]:
    return [results[piece] for piece in sorted(results)]

"""rtseg itself: what `rtseg run CLIP -o OUT --precision int8` does."""

from __future__ import annotations

import sys
from pathlib import Path

from peers.marks import Marks
from rtseg import RunOptions, Session
from rtseg.stages.present import Present


def main() -> None:
    """Run, with a note at each frame that the sinks have taken."""
    clip, out, model = sys.argv[1:4]
    marks, process = Marks(), Present.process

    def noted(self: Present, painted: object) -> None:
        process(self, painted)  # type: ignore[arg-type]
        marks.note()

    Present.process = noted  # type: ignore[method-assign]
    with Session(RunOptions(clip, out=Path(out), model=model, overwrite=True)) as session:
        session.run()
    marks.tell()


if __name__ == "__main__":
    main()

"""Threads and time, no pixels.

    mailbox.py    the bounded place between two threads
    clock.py      units of time
    meter.py      how long stages and frames take
    books.py      what became of every frame
    stage.py      what is asked of a stage
    worker.py     one thread, as the others see it
    crew.py       the threads of one stage, in turns
    outcome.py    what a run tells while it lasts and when it is over
    pipeline.py   puts them together
    rules.py      the two policies; schedule.py, thinning.py, deadline.py: their live parts
    key_rules.py  over a file, only key frames are inferred; gaps.py: where the others wait
    aside.py      a sink in a thread of its own

All threads of rtseg are started in pipeline.py and aside.py.
"""

from __future__ import annotations

from rtseg.pipeline.aside import Aside
from rtseg.pipeline.books import Books
from rtseg.pipeline.outcome import Outcome, Progress
from rtseg.pipeline.pipeline import Pipeline
from rtseg.pipeline.stage import Stage

__all__ = ["Aside", "Books", "Outcome", "Pipeline", "Progress", "Stage"]

"""A run of its own process, for the tests to interrupt: says "running", then what it came to."""

from __future__ import annotations

import json
import signal
import sys
import threading

from rtseg.errors import EXIT_INTERRUPTED
from rtseg.pipeline import Pipeline, Progress
from tests.pipeline.parts import Step, frames, steps


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    stages: list[Step] = steps("preprocess", "infer", "colorize", "present", delay_s=0.001)
    pipeline = Pipeline(frames(10_000_000), stages)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    if sys.argv[1] == "stop":
        signal.signal(signal.SIGINT, lambda *_: pipeline.stop())
        signal.signal(signal.SIGTERM, lambda *_: pipeline.stop())
    said: list[str] = []

    def say_once(progress: Progress) -> None:
        if progress.books.shown and not said:
            said.append("running")
            say("running")

    try:
        pipeline.run(say_once)
    except KeyboardInterrupt:
        assert sys.argv[1] == "python"
    assert pipeline.outcome is not None
    books = pipeline.outcome.books
    told = {
        "balanced": books.balanced,
        "captured": books.captured,
        "fresh": books.fresh,
        "written": len(stages[-1].seen),
        "closed": stages[-1].calls,
        "stopped": pipeline.outcome.stopped,
        "threads": [thread.name for thread in threading.enumerate()],
    }
    say(json.dumps(told))
    return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())

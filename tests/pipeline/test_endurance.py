"""Many runs in one process, and what the pipeline itself costs."""

from __future__ import annotations

import contextlib
import gc
import queue
import random
import threading
import time
import tracemalloc

from rtseg.errors import StageError
from rtseg.pipeline import Pipeline
from rtseg.pipeline.rules import FileRules
from tests.pipeline.parts import assert_balanced, frames, steps

STAGES = ("preprocess", "infer", "colorize", "present")


def one_run(draw: random.Random) -> None:
    """A run that ends well, in a fault or on request, by chance."""
    stages = steps(*STAGES)
    ending = draw.choice(["well", "fault", "stop"])
    pipeline = Pipeline(frames(20), stages, rules=FileRules(draw.randint(1, 3)))
    if ending == "fault":
        draw.choice(stages).fails = draw.choice(["enter", 0, 10, 19, "exit"])
    if ending == "stop":
        timer = threading.Timer(draw.random() * 0.003, pipeline.stop)
        timer.start()
    with contextlib.suppress(StageError):
        pipeline.run()
    if ending == "stop":
        timer.join()
    assert_balanced(pipeline.books)


def test_many_runs_leave_no_thread_and_no_memory():
    draw = random.Random(5)
    threads = threading.active_count()
    tracemalloc.start()
    try:
        sizes = []
        for _ in range(4):
            for _ in range(15):
                one_run(draw)
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert threading.active_count() == threads
    # One pipeline's histograms alone are 150 kB; 45 runs that kept theirs would be 6 MB.
    assert sizes[-1] - sizes[0] < 100_000


def seconds_of_plain_queues(count: int) -> float:
    """The least that the same number of threads can do with the standard library's queue."""
    queues: list[queue.Queue] = [queue.Queue(2) for _ in STAGES]

    def capture():
        for item in frames(count):
            queues[0].put(item)
        queues[0].put(None)

    def stage(position: int):
        while (item := queues[position].get()) is not None:
            if position + 1 < len(queues):
                queues[position + 1].put(item)
        if position + 1 < len(queues):
            queues[position + 1].put(None)

    threads = [threading.Thread(target=capture)]
    threads += [threading.Thread(target=stage, args=(position,)) for position in range(len(STAGES))]
    started_ns = time.monotonic_ns()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.monotonic_ns() - started_ns) / 1e9


def test_costs_little_over_plain_queues():
    """Books, meter and fault handling cost at most what the queues and threads cost, thrice over."""
    plain, ours = [], []
    for _ in range(5):
        plain.append(seconds_of_plain_queues(500))
        ours.append(Pipeline(frames(500), steps(*STAGES)).run().seconds)
    assert min(ours) < 4 * min(plain)

"""The pipeline: a thread for the source, one or more a stage, mailboxes between, an orderly end in any case.

Whatever the reason, the end is made of the same three moves:

1. capture looks at `_ending` before each frame and delivers no more;
2. a stage that failed cancels every mailbox before it, so nobody upstream waits, and counts what lay inside;
3. the last thread of a stage that ends closes the mailbox after it, so everybody downstream finishes what is
   left, then ends.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from rtseg.errors import StageError
from rtseg.pipeline.books import Bookkeeper, Books
from rtseg.pipeline.clock import ns_from_s, s_from_ns
from rtseg.pipeline.crew import Crew
from rtseg.pipeline.mailbox import MailboxClosedError
from rtseg.pipeline.meter import END_TO_END, Meter
from rtseg.pipeline.outcome import Outcome, Progress
from rtseg.pipeline.rules import CAPTURE, FileRules
from rtseg.pipeline.stage import NotShown
from rtseg.pipeline.worker import Worker

if TYPE_CHECKING:
    from rtseg.frame import Fate, Frame
    from rtseg.pipeline.stage import Stage

_WATCH_INTERVAL_S = 0.1


class Pipeline:
    """Moves the frames of a source through the stages, in order, by the rules; for one run.

    Attributes:
        outcome: how the run went, also when `run` raised; None before it has ended.
        meter: how long stages and frames take; for reading.
    """

    def __init__(
        self,
        source: Iterable[Frame],
        stages: Sequence[Stage],
        *,
        rules: FileRules | None = None,
        make_meter: Callable[[Sequence[str]], Meter] = Meter,
        join_timeout_s: float = 10.0,
    ) -> None:
        """Put the parts together; nothing starts yet. ValueError for no stages or names that are not unique.

        Args:
            source: opened before and closed after by the caller, iterated in the thread "capture". If its
                iterator is a generator, it is closed in that thread.
            stages: in the order a frame meets them.
            rules: what holds between the stages; None for `FileRules`: every frame, in order. The source is
                then never further ahead of the last stage than (capacity + 1) × stages + 1 frames.
            make_meter: makes the meter, of the stages' names.
            join_timeout_s: the longest that any one call of a stage or of the source may take once the end
                was asked for, by `stop` or by a fault.
        """
        names = [CAPTURE, *(stage.name for stage in stages)]
        if not stages or len({*names, END_TO_END}) != len(names) + 1:
            raise ValueError(f"a pipeline needs stages with names of their own, not {names[1:]}")
        self.outcome: Outcome | None = None
        self._source = source
        self._stages = tuple(stages)
        self._join_timeout_s = join_timeout_s
        self._names = names
        self._rules = rules or FileRules()
        self._bookkeeper = Bookkeeper()
        self._mailboxes: list[Any] = self._rules.mailboxes(
            names[1:], self._bookkeeper
        )  # [i] after position i
        self._workers = [Worker(CAPTURE, 0, self._run_capture)]
        for position, stage in enumerate(stages, start=1):
            self._workers += self._hire(position, stage)
        self._make_meter = make_meter
        self.meter = make_meter(names)
        self._source_losses: Counter[str] = Counter()
        self._errors: list[StageError] = []
        self._stop_asked = False
        self._started_ns = 0
        self._interval_s = _WATCH_INTERVAL_S
        self._end_seen_ns = 0

    @property
    def books(self) -> Books:
        """The books as they stand, at any time and from any thread."""
        return self._bookkeeper.books()

    def waiting(self) -> dict[str, int]:
        """How many frames lie before each stage, at any time and from any thread."""
        return {name: len(mailbox) for name, mailbox in zip(self._names[1:], self._mailboxes, strict=True)}

    def so_far(self) -> Outcome:
        """How the run goes, at any time and from any thread; CPU time is known at the end only."""
        return self.outcome or self._take_outcome(cpu_ms_per_frame={})

    def stop(self) -> None:
        """Ask for the end: no more frames are captured, those in flight are finished, `run` returns.

        From any thread and from a signal handler (so it takes no lock), at any time.
        """
        self._stop_asked = True

    def forget_times(self) -> None:
        """Measure how long stages and frames take from now on only; from any thread."""
        meter = self._make_meter(self._names)
        meter.start_cpu()
        self.meter = meter

    def run(
        self, on_progress: Callable[[Progress], None] | None = None, *, interval_s: float = 0.1
    ) -> Outcome:
        """Run to the end of the source. Blocks, but signal handlers run, if this is the main thread.

        `on_progress` is called here, in the caller's thread, about every `interval_s` and once at the end.
        If it raises, or Ctrl-C does, the pipeline ends as by `stop` and the exception goes on to the caller;
        a second Ctrl-C leaves at once, and the threads end by themselves.

        Raises StageError for the first stage that raised: what had not reached that stage is thrown away and
        counted, what had passed it is finished, all stages are closed. Also raises StageError, caused by
        TimeoutError, for a stage that was `join_timeout_s` in one call after the end was asked for; all
        others are closed none the less. Its thread cannot be ended and is not daemonic: the interpreter waits
        for it at exit. A caller who finds `outcome.stuck` not empty chooses: wait, or flush and `os._exit`.
        """
        if self._started_ns:
            raise RuntimeError("a pipeline runs once; make another")
        self._started_ns = time.monotonic_ns()
        self._interval_s = interval_s
        try:
            for worker in reversed(self._workers):
                worker.thread.start()
            self._watch(on_progress)
        except BaseException:
            self.stop()
            self._leave_unstarted()
            self._watch(None)
            raise
        finally:
            outcome = self.outcome = self._take_outcome(self.meter.cpu_ms_per_frame())
        if outcome.errors:
            raise outcome.errors[0]
        return outcome

    def _hire(self, position: int, stage: Stage) -> list[Worker]:
        crew = Crew(self._mailboxes[position - 1])
        for _ in range(getattr(stage, "parallel", 1)):
            crew.workers.append(Worker(stage.name, position, self._run_stage, crew))
        return crew.workers

    # In the caller's thread

    def _watch(self, on_progress: Callable[[Progress], None] | None) -> None:
        """Wait until every thread has ended or was given up."""
        report = on_progress or (lambda _: None)
        while alive := [worker for worker in self._workers if worker.alive]:
            report(self._progress())
            alive[-1].ended.wait(self._interval_s)
            if self._ending:
                self._give_up_on_stuck()
        for worker in self._workers:
            if worker.started and not worker.stuck:
                worker.thread.join()
        report(self._progress())

    def _give_up_on_stuck(self) -> None:
        now_ns = time.monotonic_ns()
        self._end_seen_ns = self._end_seen_ns or now_ns
        latest_ns = now_ns - ns_from_s(self._join_timeout_s)
        if self._end_seen_ns > latest_ns:
            return
        for worker in self._workers:
            if worker.alive and worker.give_up_if_busy_since(latest_ns):
                error = TimeoutError(f"did not end within {self._join_timeout_s:g} s")
                self._fail(worker, error, cause=f"{worker.name} did not end")
                self._leave(worker)

    def _leave_unstarted(self) -> None:
        """Release those who wait for a thread that could not be started."""
        for worker in self._workers:
            if not worker.started:
                self._leave(worker)

    def _progress(self) -> Progress:
        return Progress(books=self.books, fps=self.meter.fps, seconds=self._seconds())

    def _take_outcome(self, cpu_ms_per_frame: Mapping[str, float]) -> Outcome:
        return Outcome(
            books=self.books,
            latency_ms=self.meter.summary_ms(),
            cpu_ms_per_frame=cpu_ms_per_frame,
            fps=self.meter.fps,
            seconds=self._seconds(),
            stopped=self._stop_asked,
            errors=tuple(self._errors),
            stuck=tuple(worker.name for worker in self._workers if worker.stuck),
        )

    def _seconds(self) -> float:
        return s_from_ns(time.monotonic_ns() - self._started_ns)

    # In the threads of the source and the stages

    def _run_capture(self, worker: Worker) -> None:
        try:
            for other in self._workers[1:]:
                other.opened.wait()
            worker.take_cpu_ns()
            self.meter.start_cpu()
            worker.begin()
            frames = iter(self._source)
            try:
                while not self._ending and self._capture_one(worker, frames):
                    pass
            finally:
                worker.begin()
                if isinstance(frames, Generator):
                    frames.close()
                self._count_losses()
                self.meter.record_cpu(worker.name, worker.take_cpu_ns())
        except BaseException as error:
            self._fail(worker, error)
        finally:
            self._leave(worker)

    def _capture_one(self, worker: Worker, frames: Iterator[Frame]) -> bool:
        """Move one frame from the source to the first stage; False at the end."""
        started_ns = worker.begin()
        frame = next(frames, None)
        done_ns = time.monotonic_ns()
        if frame is None or not worker.rest():
            return False
        self.meter.record(worker.name, done_ns - started_ns)
        frame.begun_ns[worker.name] = started_ns
        frame.busy_ns[worker.name] = done_ns - started_ns
        self._count_losses()
        self._bookkeeper.capture()
        return self._hand_on(worker, frame)

    def _count_losses(self) -> None:
        """Count frames that the source itself knows to have lost."""
        losses: Mapping[str, int] = getattr(self._source, "losses", {})
        for cause, frames in losses.items():
            self._bookkeeper.lose(cause, frames - self._source_losses[cause])
            self._source_losses[cause] = frames

    def _run_stage(self, worker: Worker) -> None:
        assert worker.crew is not None
        first, *others = worker.crew.workers
        stage = self._stages[worker.position - 1]
        try:
            if worker is not first:
                first.opened.wait()
                self._process_all(worker, worker.crew, stage)
                return
            worker.begin()
            self._rules.begin(worker.name)
            with stage:
                self._process_all(worker, worker.crew, stage)
                for other in others:
                    while other.alive:
                        other.ended.wait(_WATCH_INTERVAL_S)
                worker.begin()
                if worker.crew.error is not None:
                    raise worker.crew.error
        except BaseException as error:
            self._fail(worker, error)
        finally:
            self._leave(worker)

    def _process_all(self, worker: Worker, crew: Crew, stage: Stage) -> None:
        worker.rest()
        worker.take_cpu_ns()
        worker.opened.set()
        try:
            while self._process_one(worker, crew, stage):
                pass
        finally:
            self.meter.record_cpu(worker.name, worker.take_cpu_ns())
            if worker.position == len(self._stages):
                self.meter.end_cpu()

    def _process_one(self, worker: Worker, crew: Crew, stage: Stage) -> bool:
        """Take one item through the stage; False at the end."""
        try:
            worker.ticket, item = crew.take()
        except MailboxClosedError:
            return False
        frame = _frame_of(item)
        is_last = worker.position == len(self._stages)
        if is_last and not self._rules.wait_for_slot(frame):
            self._bookkeeper.drop("late")
            crew.end_turn(worker.ticket)
            return True
        started_ns = worker.begin(holds_item=True)
        frame.begun_ns[worker.name] = started_ns
        try:
            result = stage.process(item)
            busy_ns = time.monotonic_ns() - started_ns
            frame.busy_ns[worker.name] = busy_ns
        except BaseException as error:
            if isinstance(error, Exception) and self._rules.forgives(worker.name, error):
                return self._pass_over(worker, crew)
            crew.error = crew.error or error
            self._fail(worker, error)  # now, so that upstream ends while this stage's `__exit__` runs
            raise
        if not worker.rest():
            return False
        if not crew.wait_for_turn(worker.ticket):
            if self._rules.is_lost(worker.position):
                self._bookkeeper.drop(f"stopped in {worker.name}")
            return False
        try:
            self.meter.record(worker.name, busy_ns)
            self._rules.done(worker.name, busy_ns)
            if isinstance(result, NotShown):
                self._bookkeeper.drop(result.cause)
                return True
            if is_last:
                self._finish(item, started_ns + busy_ns)
                return True
            return self._hand_on(worker, result)
        finally:
            crew.end_turn(worker.ticket)

    def _pass_over(self, worker: Worker, crew: Crew) -> bool:
        """Go on without the item in hand; False if given up meanwhile."""
        if not worker.rest():
            return False
        assert worker.ticket is not None
        if self._rules.is_lost(worker.position):
            self._bookkeeper.drop(f"{worker.name} failed")
        if crew.wait_for_turn(worker.ticket):
            crew.end_turn(worker.ticket)
        return True

    def _hand_on(self, worker: Worker, item: object) -> bool:
        """Put an item before the next stage; False if that one takes no more."""
        try:
            item, goes_on = self._rules.admit(worker.name, item)
        except MailboxClosedError:
            self._bookkeeper.drop("stopped before it was shown")
            return False
        return not goes_on or self._put(worker, item)

    def _put(self, worker: Worker, item: object) -> bool:
        cause = ""
        try:
            if self._mailboxes[worker.position].put(item) is not None:
                cause = f"superseded before {self._names[worker.position + 1]}"
        except MailboxClosedError:
            cause = f"stopped before {self._names[worker.position + 1]}"
            return False
        finally:
            if cause and self._rules.is_lost_behind(worker.position):
                self._bookkeeper.drop(cause)
        return True

    def _finish(self, item: object, done_ns: int) -> None:
        """Count an item as shown."""
        frame = _frame_of(item)
        fate: Fate = getattr(getattr(item, "label_map", None), "fate", "fresh")
        self.meter.record_shown(frame.captured_ns, self._rules.shown(frame, fate, done_ns))
        self._bookkeeper.show(fate)

    # How it ends

    @property
    def _ending(self) -> bool:
        return self._stop_asked or bool(self._errors)

    def _fail(self, worker: Worker, error: BaseException, cause: str = "") -> None:
        """Note the error, count the item in hand, let nothing more reach the stage. Twice is as once."""
        if any(known.__cause__ is error for known in self._errors):
            return
        self._errors.append(StageError(worker.name, error))
        if worker.lose_item():
            if worker.crew is not None and worker.ticket is not None:
                worker.crew.lose(worker.ticket)
            if self._rules.is_lost(worker.position):
                self._bookkeeper.drop(cause or f"{worker.name} failed")
        for position in range(worker.position):
            thrown_away = self._mailboxes[position].cancel()
            if self._rules.is_lost(position + 1):
                self._bookkeeper.drop(f"stopped before {self._names[position + 1]}", len(thrown_away))

    def _leave(self, worker: Worker) -> None:
        """Let nobody wait for this worker any more: neither for its items nor for its opening."""
        worker.opened.set()
        is_last = worker.crew is None or worker.crew.leave(worker)
        if is_last and worker.position < len(self._mailboxes):
            self._mailboxes[worker.position].close()


def _frame_of(item: object) -> Frame:
    return cast("Frame", getattr(item, "frame", item))

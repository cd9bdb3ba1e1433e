"""All that is found out, one step after the other: a step that fails is noted, and the others go on."""

from __future__ import annotations

import tempfile
import threading
import time
import traceback
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtseg import report
from rtseg.backends.tensorrt import TensorRtBackend
from rtseg.errors import EXIT_FAULT, Interrupted, RtsegError
from rtseg.gpu_report import agreement, tools
from rtseg.gpu_report.folder import ReportFolder
from rtseg.gpu_report.frames import samples_of_the_drive, samples_of_the_source
from rtseg.gpu_report.layers import layer_facts
from rtseg.gpu_report.live import drive_film, live_session, private
from rtseg.gpu_report.machine import machine_facts
from rtseg.gpu_report.plans import built, describing, plan_facts
from rtseg.gpu_report.redaction import Redaction
from rtseg.gpu_report.scores import scores
from rtseg.gpu_report.timing import MODES, Mode, timing
from rtseg.tensorrt.options import PREFERRED_PRECISIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from rtseg.cuda.device import Gpu
    from rtseg.gpu_report.frames import Sample
    from rtseg.gpu_report.request import Request
    from rtseg.live import LiveSession
    from rtseg.metadata import Precision
    from rtseg.model import Model
    from rtseg.tensorrt.cache import Terms
    from rtseg.tensorrt.plan import Plan

_TIMED_IMAGES = 8
"""Different ones that are sent in turns."""

Step = tuple[str, "Callable[[], None]"]


class Survey:
    """Gathers the truth about one GPU; for one use, in one thread.

    Attributes:
        facts: report.json, schema 1, as far as it is known.
        failures: of each step that failed: "step", "error", and "traceback" where it is a fault of ours.
        stuck: whether a thread was left behind; see `RtsegError`.
        interrupted: whether it was ended early.
    """

    def __init__(
        self,
        request: Request,
        gpu: Gpu,
        *,
        terms: Callable[[], AbstractContextManager[Terms]],
        on_step: Callable[[str], None],
    ) -> None:
        """Keep what is asked for.

        Args:
            request: checked before.
            gpu: the GPU.
            terms: how a plan is got and who is told, while one is built.
            on_step: told the name of each step as it begins.
        """
        self._request = request
        self._gpu = gpu
        self._terms = terms
        self._on_step = on_step
        self._is_stopped = threading.Event()
        self._session: LiveSession | None = None
        self._models: dict[Precision, Model] = {}
        self._plans: dict[Precision, Plan] = {}
        self._samples: list[Sample] = []
        self.stuck = self.interrupted = False
        self.failures: list[dict[str, str]] = []
        self.facts: dict[str, Any] = {
            "schema": report.SCHEMA,
            "command": "doctor --gpu",
            "finished": False,
            "environment": report.environment("tensorrt", TensorRtBackend.version()),
            "machine": {},
            "builds": {},
            "agreement": {},
            "scores": {},
            "timing": {},
            "layers": {},
            "live": {},
            "steps_s": {},
            "failures": self.failures,
            "warnings": [],
        }

    def stop(self) -> None:
        """End it soon, with what is known by then; from any thread or signal handler."""
        self._is_stopped.set()
        if self._session is not None:
            self._session.stop()

    def run(self, summary: Callable[[dict[str, Any]], str]) -> Path:
        """Do all steps and pack the archive; takes minutes.

        Args:
            summary: makes words of the facts, for summary.txt.

        Returns:
            The archive, which is there whatever failed.

        Raises:
            SinkFault: the report cannot be written.
        """
        self._folder = ReportFolder(self._request.folder, self._redaction())
        try:
            for name, step in self._steps():
                self._attempt(name, step)
        except Interrupted:
            self.interrupted = True
            self.facts["warnings"].append("interrupted; the rest is missing")
        self.facts["finished"] = not self.interrupted
        self._folder.write_json("report.json", self.facts)
        self._folder.write_text("summary.txt", summary(self.facts))
        return self._folder.pack(self._gpu.name)

    def _steps(self) -> Iterator[Step]:
        """In their order; each is asked for when the ones before it are done. New ones go here."""
        yield "machine", self._look_at_machine
        yield "model files", self._find_models
        yield "frames of the drive", self._draw_drive
        if self._request.source is not None:
            yield "frames of the source", self._read_source
        for precision, model in self._models.items():
            yield f"build {precision}", partial(self._build, precision, model)
        for precision in self._plans:
            yield f"agreement {precision}", partial(self._agree, precision)
        if self._request.data is not None:
            for precision in self._plans:
                yield f"scores {precision}", partial(self._score, precision)
        for precision in self._plans:
            for mode in MODES:
                yield f"timing {precision} {mode.name}", partial(self._time, precision, mode)
        yield "clocks", self._look_at_clocks
        for precision in self._plans:
            yield f"layers {precision}", partial(self._describe, precision)
        if self._plans:
            yield "live", self._run_live

    def _attempt(self, name: str, step: Callable[[], None]) -> None:
        """Do a step, note how it went, and keep what is known so far: the next one may crash."""
        if self._is_stopped.is_set():
            raise Interrupted("interrupted")
        self._on_step(name)
        begun = time.perf_counter()
        try:
            step()
        except Interrupted:
            raise
        except Exception as error:  # whatever it is, it is what the report is made for
            self._note(name, error)
        self.facts["steps_s"][name] = round(time.perf_counter() - begun, 3)
        self._folder.write_json("report.json", self.facts)

    def _note(self, step: str, error: Exception) -> None:
        noted = {"step": step, "error": str(error) or type(error).__name__}
        if not isinstance(error, RtsegError) or error.exit_code == EXIT_FAULT:
            noted["traceback"] = "".join(traceback.format_exception(error))
        self.stuck |= isinstance(error, RtsegError) and error.stuck
        self.failures.append(noted)

    def _look_at_machine(self) -> None:
        self.facts["machine"] = machine_facts(self._gpu)
        self._keep_clocks("before")

    def _look_at_clocks(self) -> None:
        self._keep_clocks("after")

    def _keep_clocks(self, when: str) -> None:
        text = tools.nvidia_smi()
        if text is not None:
            self._folder.write_text(f"nvidia-smi-{when}.txt", text + "\n")

    def _draw_drive(self) -> None:
        self._samples += samples_of_the_drive(self._input_hw())

    def _read_source(self) -> None:
        assert self._request.source is not None
        self._samples += samples_of_the_source(self._input_hw(), self._request.source)

    def _find_models(self) -> None:
        self._models = self._request.models()

    def _build(self, precision: Precision, model: Model) -> None:
        with self._terms() as terms:
            plan = built(model, self._gpu, self._stoppable(terms))
        self._plans[precision] = plan
        self.facts["builds"][precision] = plan_facts(model, plan)

    def _agree(self, precision: Precision) -> None:
        with self._backend(precision) as backend:
            facts = agreement.agreement(backend, self._samples, self._check_stopped)
        self.facts["agreement"][precision] = facts
        complaint = agreement.complaint(precision, facts)
        if complaint is not None:
            self.facts["warnings"].append(complaint)

    def _score(self, precision: Precision) -> None:
        with self._backend(precision) as backend:
            self.facts["scores"][precision] = scores(backend, self._request, self._check_stopped)

    def _time(self, precision: Precision, mode: Mode) -> None:
        model = self._models[precision]
        found = timing(self._plans[precision], model.input_hw, self._images(), mode, self._check_stopped)
        self.facts["timing"].setdefault(precision, {})[mode.name] = found.facts()
        self._folder.write_text(f"timing-{precision}-{mode.name}.csv", found.as_csv())

    def _describe(self, precision: Precision) -> None:
        model = self._models[precision]
        with self._terms() as terms:
            plan = describing(model, self._gpu, self._stoppable(terms))
        facts, text = layer_facts(plan, model.input_hw, self._images(), self._check_stopped)
        self._folder.write_text(f"layers-{precision}.json", text)
        self.facts["layers"][precision] = facts

    def _run_live(self) -> None:
        precision = next(name for name in PREFERRED_PRECISIONS if name in self._plans)
        with ExitStack() as stack:
            source = self._request.source
            if source is None:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rtseg-"))
                source = drive_film(folder, self._check_stopped)
            terms = stack.enter_context(self._terms())
            session = stack.enter_context(live_session(source, self._request, precision, terms))
            self._session = session
            self._check_stopped()
            try:
                session.run()
            finally:
                self._session = None
                if session.outcome is not None:
                    self.facts["live"] = session.report()
                    self._folder.write_json("live.json", self.facts["live"])

    def _backend(self, precision: Precision) -> TensorRtBackend:
        """The path that ships, with the plan as it is kept."""
        backend = TensorRtBackend(self._models[precision])
        with self._terms() as terms:
            backend.prepare(self._stoppable(terms))
        return backend

    def _input_hw(self) -> tuple[int, int]:
        """All files of a model take the same size."""
        return next(iter(self._models.values())).input_hw

    def _images(self) -> list[NDArray[np.uint8]]:
        return [sample.image_rgb for sample in self._samples[:_TIMED_IMAGES]]

    def _stoppable(self, terms: Terms) -> Terms:
        return replace(terms, watcher=replace(terms.watcher, is_stopped=self._is_stopped.is_set))

    def _check_stopped(self) -> None:
        if self._is_stopped.is_set():
            raise Interrupted("interrupted")

    def _redaction(self) -> Redaction:
        """Where the user's files are is nobody's business, nor what they are called."""
        request = self._request
        instead = {str(request.folder): "<report>"}
        if request.source is not None:
            instead[request.source] = private(request.source)
        instead |= {
            str(path): f"<{name}>"
            for path, name in ((request.data, "data"), (request.model, "model"))
            if path
        }
        given = {word: stands for word, stands in instead.items() if "/" in word or "." in word}
        whole = {
            str(Path(word).absolute()): stands for word, stands in instead.items() if Path(word).exists()
        }
        return Redaction.here(given | whole)

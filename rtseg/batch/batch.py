"""A batch: what is missing of it, doing that, and a report."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rtseg import report
from rtseg.backends import backend_for
from rtseg.batch.clips import clips_from
from rtseg.batch.manifest import NAME, Entry, Manifest
from rtseg.batch.scheduler import Scheduler, Work
from rtseg.errors import OutputError
from rtseg.journal import content_of
from rtseg.options import RunOptions
from rtseg.stages.keys import key_rule_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rtseg.batch.clips import Clip
    from rtseg.batch.job import Result
    from rtseg.batch.manifest import State
    from rtseg.batch.scheduler import Executor

ENDINGS = {"video": ".mp4", "labels": ".labels.mkv", "table": ".parquet"}
"""The outputs there can be of a film, and how their names usually end."""


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """What a batch is to do.

    Attributes:
        sources: files, folders with all in them, patterns, or .txt files with one of those a line.
        out: the folder of the outputs and the manifest.
        endings: what is made of each film and how its name ends, a part of `ENDINGS` or like it.
        run: what holds for all runs; its source and outputs are left open.
        overwrite: make all again and replace what exists.
    """

    sources: Sequence[str]
    out: Path
    endings: dict[str, str] = field(default_factory=lambda: {"video": ENDINGS["video"]})
    run: RunOptions = field(default_factory=lambda: RunOptions(""))
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a batch is.

    Attributes:
        files: how many files are done with, whatever became of them; those of earlier batches too.
        frames: frames made in this batch.
        seconds: time since it began.
    """

    files: int
    frames: int
    seconds: float


class Batch:
    """One batch, for one use. Making one lists the files and finds out what is missing; nothing is written.

    Attributes:
        clips: all files.
        missing: those that are not done yet, or have changed since.
        entries: what has become of files in this batch, in the order they were done with.
        warnings: a line each.
    """

    def __init__(self, options: BatchOptions) -> None:
        """List the files.

        Raises:
            InputError: there are none, outputs would collide, an option is out of its range, or the model or
                backend is not there.
        """
        self.options = options
        self.clips = clips_from(options.sources, options.out)
        if options.out.exists() and not options.out.is_dir():
            raise OutputError(f"{options.out}: a file, so no folder of that name can be made.")
        key_rule_for(options.run.every)
        self.backend = backend_for(options.run.backend, options.run.model, options.run.precision)
        self.manifest = Manifest(options.out / NAME)
        self._what = self._run_facts()
        self.missing = [clip for clip in self.clips if options.overwrite or not self._is_done(clip)]
        self.entries: list[Entry] = []
        self.warnings: list[str] = []
        self._begun = time.monotonic()
        self._scheduler: Scheduler | None = None

    def run(self, executor: Executor, on_standing: Callable[[Standing], None] = lambda _: None) -> None:
        """Do what is missing. A file that fails is noted, and the others go on.

        Raises:
            OutputError: the folders for the outputs cannot be made.
            SinkFault: the manifest cannot be written.
        """
        self._begun = time.monotonic()
        self._scheduler = Scheduler(executor, self._note)
        works = [Work(clip, self._options_for(clip)) for clip in self.missing]
        self.make_folders()
        self._scheduler.run(works, lambda: on_standing(self.standing()))
        on_standing(self.standing())

    def make_folders(self) -> None:
        """Make the folders for the outputs, as `run` does by itself; OutputError if they cannot be made."""
        for clip in self.missing:
            _make_folder((self.options.out / clip.name).parent)

    def stop(self) -> None:
        """Begin nothing more, end what is under way in order; from a signal handler, too."""
        if self._scheduler is not None:
            self._scheduler.stop()

    def standing(self) -> Standing:
        """How far it is."""
        frames = sum(entry.frames for entry in self.entries)
        frames += self._scheduler.frames_under_way if self._scheduler is not None else 0
        done = len(self.clips) - len(self.missing) + len(self.entries)
        return Standing(done, frames, time.monotonic() - self._begun)

    def overview(self) -> dict[str, Any]:
        """Frames and seconds so far, and each film's state, JSON-ready; in the thread that runs."""
        entries = {entry.source: entry for entry in self.entries}
        under_way = self._scheduler.under_way() if self._scheduler is not None else {}
        missing = {clip.path for clip in self.missing}
        films = []
        for clip in self.clips:
            source = str(clip.path)
            entry = entries.get(source) or (None if clip.path in missing else self.manifest.entries[source])
            state = "waiting" if source not in under_way else "under way"
            if entry is not None:
                state = entry.state if source in entries else "done before"
            films.append(
                {
                    "source": clip.path.name,
                    "state": state,
                    "frames": entry.frames if entry else under_way.get(source, 0),
                    "seconds": entry.seconds if entry else 0.0,
                    "error": entry.error if entry else None,
                }
            )
        standing = self.standing()
        return {"frames": standing.frames, "seconds": round(standing.seconds, 1), "films": films}

    def report(self) -> dict[str, Any]:
        """The `batch` report, schema 1."""
        states = [entry.state for entry in self.entries]
        frames, seconds = sum(entry.frames for entry in self.entries), time.monotonic() - self._begun
        return {
            "schema": report.SCHEMA,
            "command": "batch",
            "environment": report.environment(self.backend.name, self.backend.version()),
            "model": report.model_facts(self.backend.model),
            "files": {
                "all": len(self.clips),
                "done_before": len(self.clips) - len(self.missing),
                **{state: states.count(state) for state in ("done", "cut", "failed")},
                "left": len(self.missing) - len(states),
            },
            "frames": frames,
            "seconds": seconds,
            "fps": frames / seconds if seconds else 0.0,
            "manifest": str(self.manifest.path),
            "warnings": self.warnings,
            "errors": [entry.error for entry in self.entries if entry.error],
        }

    def _note(self, work: Work, result: Result) -> None:
        if result.interrupted:
            return
        state: State = "cut" if result.ends_early else "failed" if result.error else "done"
        entry = Entry(
            source=str(work.clip.path),
            hash=_content_or_nothing(work.clip),
            state=state,
            frames=result.frames if state != "failed" else 0,
            seconds=round(work.seconds, 3),
            error=result.error,
            outputs={kind: str(path) for kind, path in work.options.outputs.items() if path.exists()},
            options=self._what,
        )
        self.entries.append(entry)
        self.warnings += result.warnings
        self.manifest.append(entry)

    def _is_done(self, clip: Clip) -> bool:
        entry = self.manifest.entries.get(str(clip.path))
        if entry is None or entry.state == "failed" or entry.options != self._what:
            return False
        outputs = self._options_for(clip).outputs.values()
        return entry.hash == _content_or_nothing(clip) and all(path.exists() for path in outputs)

    def _options_for(self, clip: Clip) -> RunOptions:
        base = self.options.out / clip.name
        places = {kind: base.with_name(base.name + ending) for kind, ending in self.options.endings.items()}
        return dataclasses.replace(
            self.options.run,
            source=str(clip.path),
            out=places.get("video"),
            labels=places.get("labels"),
            table=places.get("table"),
            resume=not self.options.overwrite,
            overwrite=self.options.overwrite,
        )

    def _run_facts(self) -> dict[str, Any]:
        """What the outputs are made with: files that were made with something else are not done."""
        run, model = self.options.run, self.backend.model
        names = (
            "stream", "codec", "crf", "opacity", "view", "legend", "every", "smooth", "max_frames", "seconds",
        )  # fmt: skip
        return {
            "model": f"{model.name} {model.precision} {model.sha256[:16]}",
            "backend": self.backend.name,
            "only": sorted(run.only) if run.only is not None else None,
            "endings": self.options.endings,
            **{name: getattr(run, name) for name in names},
        }


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror}). Choose another place.") from error


def _content_or_nothing(clip: Clip) -> str:
    try:
        return content_of(str(clip.path))
    except OSError:
        return ""

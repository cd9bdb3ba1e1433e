"""`rtseg batch`: the same run over many files."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

import click

from rtseg.cli.options import (
    backend_option,
    codec_option,
    crf_option,
    every_option,
    existing_or_not,
    legend_option,
    max_frames_option,
    model_option,
    only_option,
    opacity_option,
    precision_option,
    report_option,
    seconds_option,
    smooth_option,
    view_option,
)
from rtseg.cli.serve import serve_from, serve_options
from rtseg.cli.signals import stopped_by_signals
from rtseg.errors import EXIT_ON_THE_WAY, InputError, Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rtseg.batch.batch import Batch, BatchOptions, Standing
    from rtseg.batch.scheduler import Executor
    from rtseg.web.batch import BatchPage
    from rtseg.web.server import Serve

_SAID_EVERY_S = 30
_THREADS_A_TASK = 2
"""Cores that a job asks a cluster for."""


@click.command("batch")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE…")
@click.option("--out", type=existing_or_not, required=True, metavar="DIR", help="Folder for the outputs.")
@click.option(
    "--outputs",
    default="video",
    show_default=True,
    metavar="KIND,…",
    help="What is made of each film: video, labels, table; with an ending if you like: video.mkv, table.csv.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Films, or pieces of one, at a time on this machine; the cores are shared out among them. "
    "Half of the cores if left out.",
)
@click.option(
    "--ray", "address", metavar="ADDRESS", help="Work on a Ray cluster: HOST:PORT, ray://HOST:PORT, auto."
)
@click.option("--resume", is_flag=True, help="Do what is missing. This is what a batch does anyway.")
@click.option("--overwrite", is_flag=True, help="Make all again, and replace outputs that exist.")
@model_option
@precision_option
@backend_option
@codec_option
@crf_option
@opacity_option
@only_option
@view_option
@legend_option
@every_option
@smooth_option
@max_frames_option
@seconds_option
@serve_options
@report_option
def batch_command(
    sources: tuple[str, ...],
    out: Path,
    outputs: str,
    workers: int | None,
    address: str | None,
    resume: bool,
    overwrite: bool,
    model: str | None,
    precision: str,
    backend: str,
    codec: str,
    crf: float | None,
    opacity: float,
    only: frozenset[str] | None,
    view: str,
    legend: bool,
    every: int | Literal["auto"] | None,
    smooth: bool,
    max_frames: int | None,
    seconds: float | None,
    report: str | None,
    **given: Any,  # noqa: ANN401 (click's options of --serve)
) -> int:
    """Segment many films: files, folders with all in them, quoted patterns, .txt lists of those.

    \b
    Examples:
      rtseg batch drives/ --out overlays
      rtseg batch "cards/*/*.mp4" more.txt --out overlays --outputs video,labels,table
      rtseg batch drives/ --out /shared/overlays --ray 10.0.0.5:6379
      rtseg batch drives/ --out overlays --serve 8080

    Films keep their names. A film that cannot be read is noted, and the others go on; a second run does what
    is missing. DIR/manifest.jsonl tells what has become of each.
    """
    from rtseg.batch.batch import Batch, BatchOptions
    from rtseg.options import RunOptions
    from rtseg.report import check_writable, cores, write

    if workers is not None and address is not None:
        raise InputError("--workers is for this machine, --ray for a cluster: give one of them.")
    if resume and overwrite:
        raise InputError("--resume does what is missing, --overwrite makes all again: give one of them.")
    if report is not None:
        check_writable(report)
    workers = workers or max(1, cores() // 2)
    threads = max(1, cores() // workers) if address is None else _THREADS_A_TASK
    run = RunOptions(
        "",
        model=model,
        precision=precision,
        backend=backend,
        threads=threads,
        codec=codec,
        crf=crf,
        opacity=opacity,
        only=only,
        view=view,
        legend=legend,
        every=every,
        smooth=smooth,
        max_frames=max_frames,
        seconds=seconds,
    )
    options = BatchOptions(sources, out, endings=_endings(outputs), run=run, overwrite=overwrite)
    batch = Batch(options)
    serve = serve_from(given, stays=False)
    page = _page_for(batch, serve)
    executor = _executor(batch, workers, address, threads)
    batch.make_folders()
    try:
        with stopped_by_signals(batch.stop), page or nullcontext():
            _run_with_bar(batch, executor, page)
    finally:
        executor.close()
        if report is not None:
            write(batch.report(), report)
        _print_summary(batch, options, report)
    return _exit_code(batch)


def _endings(text: str) -> dict[str, str]:
    """Outputs by kind and how their names end, of "video,table.csv"."""
    from rtseg.batch.batch import ENDINGS

    endings = {}
    for word in text.split(","):
        kind, dot, ending = word.strip().partition(".")
        if kind not in ENDINGS or kind in endings:
            raise InputError(f"--outputs {text}: give some of {', '.join(ENDINGS)}, each once.")
        endings[kind] = dot + ending if dot else ENDINGS[kind]
    return {kind: endings[kind] for kind in ENDINGS if kind in endings}


def _executor(batch: Batch, workers: int, address: str | None, threads: int) -> Executor:
    if address is not None:
        from rtseg.batch.cluster import Cluster

        return Cluster(address, threads=threads, gpus=int(batch.backend.name == "tensorrt"))
    from rtseg.batch.processes import Processes

    return Processes(workers)


def _page_for(batch: Batch, serve: Serve | None) -> BatchPage | None:
    if serve is None:
        return None
    from rtseg.web.batch import BatchPage

    return BatchPage(serve, batch)


def _run_with_bar(batch: Batch, executor: Executor, page: BatchPage | None) -> None:
    from rtseg.cli.screen import standard_error

    console = standard_error()
    done_before = len(batch.clips) - len(batch.missing)
    console.print(
        f"{len(batch.clips)} films, {done_before} done before; {batch.backend.model.name} "
        f"{batch.backend.model.precision} on {batch.backend.name}, {executor.workers} workers",
        markup=False,
    )
    if page is not None:
        console.print(f"page: {page.link}", markup=False, soft_wrap=True)
    with _shown(batch, is_terminal=console.is_terminal) as show:

        def look(standing: Standing) -> None:
            if page is not None:
                page.look()
            show(standing)

        batch.run(executor, look)


@contextmanager
def _shown(batch: Batch, *, is_terminal: bool) -> Iterator[Callable[[Standing], None]]:
    """What tells a person how far the batch is: a bar, or plain lines where there is no terminal."""
    if not is_terminal:
        yield _PlainLines(batch)
        return
    from rtseg.cli.screen import progress_bar

    with progress_bar("frames") as bar:
        task = bar.add_task("films", total=len(batch.clips), frames="")

        def show(standing: Standing) -> None:
            rate = standing.frames / standing.seconds if standing.seconds else 0.0
            bar.update(task, completed=standing.files, frames=f"{standing.frames} frames, {rate:.1f} fps")

        yield show


class _PlainLines:
    """Says what has become of each film, and now and then how far all are."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._said = 0
        self._said_s = 0.0

    def __call__(self, standing: Standing) -> None:
        for entry in self._batch.entries[self._said :]:
            self._said += 1
            number = standing.files - len(self._batch.entries) + self._said
            what = entry.error or f"{entry.frames} frames, {entry.seconds:.1f} s"
            click.echo(f"[{number}/{len(self._batch.clips)}] {entry.source}: {entry.state}, {what}", err=True)
            self._said_s = standing.seconds
        if standing.seconds - self._said_s > _SAID_EVERY_S:
            self._said_s = standing.seconds
            rate = standing.frames / standing.seconds
            click.echo(f"{standing.files} films done, {standing.frames} frames, {rate:.1f} fps", err=True)


def _print_summary(batch: Batch, options: BatchOptions, target: str | None) -> None:
    from rtseg.cli.screen import console_for, facts, standard_error

    report = batch.report()
    files = report["files"]
    counted = [f"{files[state]} {words}" for state, words in _STATES.items() if files[state]]
    summary = {
        "films": ", ".join(counted) or "none",
        "speed": f"{report['frames']} frames in {report['seconds']:.1f} s, {report['fps']:.1f} fps",
        "outputs": str(options.out),
        "manifest": report["manifest"],
    }
    if target not in (None, "-"):
        summary["report"] = str(target)
    console_for(target).print(facts(summary))
    errors = standard_error()
    for line in (*batch.warnings, *(error for error in report["errors"])):
        errors.print(f"warning: {line}", markup=False, soft_wrap=True)


_STATES = {
    "done": "done",
    "done_before": "done before",
    "cut": "end early",
    "failed": "failed",
    "left": "left",
}


def _exit_code(batch: Batch) -> int:
    states = {entry.state for entry in batch.entries}
    if len(batch.entries) < len(batch.missing):
        raise Interrupted("interrupted; run it again to go on")
    return EXIT_ON_THE_WAY if states - {"done"} else 0

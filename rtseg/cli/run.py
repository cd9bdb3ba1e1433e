"""`rtseg run`: a driving video in, a segmented one out."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rtseg.cli.options import (
    backend_option,
    existing_or_not,
    model_option,
    precision_option,
    report_option,
    threads_option,
)
from rtseg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from rtseg.pipeline import Progress
    from rtseg.session import Session


@click.command("run")
@click.argument("source")
@click.option(
    "-o",
    "--out",
    type=existing_or_not,
    metavar="OUT",
    help="The overlay: .mp4, .mkv, .mov …, an image, or a folder for images.",
)
@click.option(
    "--labels",
    type=existing_or_not,
    metavar="P",
    help="The class ids of every pixel: P.mkv for one lossless video, or a folder for PNG images.",
)
@click.option("--table", type=existing_or_not, metavar="P", help="A row for each frame: P.parquet or P.csv.")
@click.option(
    "--codec",
    default="h264",
    show_default=True,
    metavar="NAME",
    help="Of the overlay video: h264, hevc, av1, ffv1, or an FFmpeg encoder such as h264_nvenc.",
)
@click.option(
    "--crf", type=click.FloatRange(0), metavar="X", help="Quality of the overlay video; lower is better."
)
@click.option(
    "--stream", type=click.IntRange(min=0), metavar="N", help="Video stream of the file; best if left out."
)
@model_option
@precision_option
@backend_option
@threads_option
@click.option(
    "--opacity", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Of the colours."
)
@click.option("--only", metavar="CLASS,…", help="Colour only these classes.")
@click.option(
    "--view",
    type=click.Choice(("overlay", "mask")),
    default="overlay",
    show_default=True,
    help="The picture with colours over it, or the colours alone.",
)
@click.option("--legend", is_flag=True, help="Burn the classes' names and colours into the picture.")
@click.option("--max-frames", type=click.IntRange(min=1), metavar="N", help="End after N frames.")
@click.option(
    "--seconds", type=click.FloatRange(min=0, min_open=True), metavar="S", help="End after S seconds."
)
@report_option
def run_command(
    source: str,
    out: Path | None,
    labels: Path | None,
    table: Path | None,
    codec: str,
    crf: float | None,
    stream: int | None,
    model: str | None,
    precision: str,
    backend: str,
    threads: int | None,
    opacity: float,
    only: str | None,
    view: str,
    legend: bool,
    max_frames: int | None,
    seconds: float | None,
    report: str | None,
) -> None:
    """Segment SOURCE: a video file, an image, a folder or quoted pattern of images, or a synthetic drive.

    \b
    Examples:
      rtseg run "synth://640x480@30?seconds=10&seed=1" -o overlay.mp4
      rtseg run clip.mp4 -o overlay.mp4 --legend --report run.json
      rtseg run clip.mp4 -o cars.mp4 --only car,pedestrian,bicyclist
      rtseg run clip.mp4 --labels labels.mkv --table frames.parquet
      rtseg run "photos/*.jpg" -o overlays

    Every frame comes out, with its own time stamp; sound, subtitles and metadata are copied.
    """
    from rtseg.report import check_writable
    from rtseg.session import RunOptions, Session

    if out is None and labels is None and table is None and report is None:
        raise InputError(
            "There is nothing to write. Give -o OUT.mp4 for the video, --labels OUT.mkv, --table OUT.csv "
            "or --report FILE.json."
        )
    if report is not None:
        check_writable(report)
        for output in (out, labels, table):
            if output is not None and Path(report).absolute() == output.absolute():
                raise InputError(f"{report}: the report and another output cannot be one file.")
    options = RunOptions(
        source=source,
        stream=stream,
        out=out,
        codec=codec,
        crf=crf,
        labels=labels,
        table=table,
        model=model,
        precision=precision,
        backend=backend,
        threads=threads,
        opacity=opacity,
        only=frozenset(name.strip() for name in only.split(",")) if only is not None else None,
        view=view,
        legend=legend,
        max_frames=max_frames,
        seconds=seconds,
    )
    with Session(options) as session:
        try:
            with _stopped_by_signals(session.stop):
                _run_with_bar(session)
        finally:
            _conclude(session, report)


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM call `stop`, once; a second one raises KeyboardInterrupt."""

    def handle(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.default_int_handler)
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run_with_bar(session: Session) -> None:
    from rtseg.cli.screen import progress_bar, standard_error

    model = session.backend.model
    standard_error().print(
        f"{session.source.uri}: {session.source.width}×{session.source.height}, "
        f"{float(session.source.fps):.4g} fps; {model.name} {model.precision} on {session.backend.name}",
        markup=False,
        soft_wrap=True,
    )
    with progress_bar("rate") as bar:
        task = bar.add_task("segmenting", total=session.expected_frames, rate="")

        def show(progress: Progress) -> None:
            bar.update(task, completed=progress.books.shown, rate=f"{progress.fps:.1f} fps")

        session.run(show)


def _conclude(session: Session, target: str | None) -> None:
    """Write the report and print the tables; also after a run that failed, as far as it came."""
    from rtseg import report

    if session.outcome is None or session.outcome.books.captured == 0:
        return
    facts = session.report()
    if target is not None:
        report.write(facts, target)
    _print_summary(session, target)


def _print_summary(session: Session, target: str | None) -> None:
    from rtseg.cli.screen import console_for, facts, standard_error, table

    assert session.outcome is not None
    outcome, books = session.outcome, session.outcome.books
    console = console_for(target)
    columns = ("mean", "p50", "p95", "p99", "max")
    console.print(
        table(
            "milliseconds a frame",
            ("stage", *columns),
            [
                (name, *(f"{figures[column]:.1f}" for column in columns))
                for name, figures in outcome.latency_ms.items()
            ],
        )
    )
    dropped = ", ".join(f"{count} {cause}" for cause, count in books.dropped.items())
    summary = {
        "frames": f"{books.captured} captured, {books.fresh} segmented, "
        + (f"dropped: {dropped}" if dropped else "none dropped"),
        "speed": f"{outcome.fps:.1f} fps, {outcome.seconds:.1f} s in all",
    }
    summary |= {kind: path for kind, path in session.outputs().items() if path is not None}
    if target not in (None, "-"):
        summary["report"] = str(target)
    console.print(facts(summary))
    for warning in session.warnings():
        standard_error().print(f"warning: {warning}", markup=False, soft_wrap=True)

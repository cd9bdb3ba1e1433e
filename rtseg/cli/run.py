"""`rtseg run`: a driving video in, a segmented one out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtseg.cli.live import live_options, live_run_from
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
    overlay_on_option,
    precision_option,
    report_option,
    seconds_option,
    smooth_option,
    threads_option,
    trust_plan_option,
    view_option,
)
from rtseg.cli.serve import serve_from, serve_options
from rtseg.cli.signals import Asked, stopped_by_signals
from rtseg.errors import InputError

if TYPE_CHECKING:
    from rtseg.options import LiveRun
    from rtseg.pipeline import Progress
    from rtseg.session import Session
    from rtseg.web.server import Serve

_RUN_OPTIONS = (
    "stream", "out", "codec", "crf", "labels", "table", "model", "precision", "backend", "trust_plan",
    "threads", "opacity", "only", "view", "legend", "overlay_on", "smooth", "max_frames", "seconds", "resume",
    "overwrite",
)  # fmt: skip
"""Names of the options that `RunOptions` has, too."""


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
@codec_option
@crf_option
@click.option(
    "--stream", type=click.IntRange(min=0), metavar="N", help="Video stream of the file; best if left out."
)
@model_option
@precision_option
@backend_option
@trust_plan_option
@threads_option
@opacity_option
@only_option
@view_option
@legend_option
@overlay_on_option
@every_option
@smooth_option
@max_frames_option
@seconds_option
@click.option("--resume", is_flag=True, help="Go on with what an earlier run left, cut off by whatever.")
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")
@report_option
@click.option(
    "--mode",
    type=click.Choice(("auto", "file", "live")),
    default="auto",
    show_default=True,
    help="file: every frame, however long it takes. live: never an old picture. auto: by the source.",
)
@serve_options
@live_options
def run_command(source: str, report: str | None, **given: Any) -> None:  # noqa: ANN401 (click's options)
    """Segment SOURCE: a video, images, a synthetic drive, a camera (0, /dev/video0, csi://0) or a stream.

    \b
    Examples:
      rtseg run "synth://640x480@30?seconds=10&seed=1" -o overlay.mp4
      rtseg run clip.mp4 -o overlay.mp4 --legend --report run.json
      rtseg run clip.mp4 -o cars.mp4 --only car,pedestrian,bicyclist
      rtseg run clip.mp4 -o overlay.mp4 --every auto
      rtseg run clip.mp4 --labels labels.mkv --table frames.parquet
      rtseg run "photos/*.jpg" -o overlays
      rtseg run long.mp4 -o overlay.mp4 --resume
      rtseg run 0 --latency 150 --window
      rtseg run rtsp://camera.local/stream --latency auto -o seen.mp4 --metrics 127.0.0.1:9100
      rtseg run clip.mp4 --realtime --latency 200 -o seen.mp4
      rtseg run 0 --latency 150 --serve
      rtseg run rtsp://camera.local/stream --serve 0.0.0.0:8080 --tls-cert c.pem --tls-key k.pem

    From a file every frame comes out, with its own time stamp; sound, subtitles and metadata are copied.
    A camera or a stream is live: what is shown is never old, and with --latency each frame is shown exactly
    so long after it was captured, with its own labels or with older ones moved to it.
    """
    from rtseg.report import check_writable

    live = live_run_from(source, given)
    outputs = [given["out"], given["labels"], given["table"]]
    serve = serve_from(given, stays=not any(outputs) and not report)
    seen_otherwise = serve or (live is not None and (live.window or live.push or live.metrics))
    if not (any(outputs) or report or seen_otherwise):
        raise InputError(
            "There is nothing to write. Give -o OUT.mp4 for the video, --labels OUT.mkv, --table OUT.csv, "
            "--report FILE.json, or --serve to see it in a browser."
        )
    if given["resume"] and given["overwrite"]:
        raise InputError("--resume goes on with an output, --overwrite begins anew: give one of them.")
    if report is not None:
        check_writable(report)
        for output in outputs:
            if output is not None and Path(report).absolute() == output.absolute():
                raise InputError(f"{report}: the report and another output cannot be one file.")
    with _session_for(source, given, live, serve) as session, stopped_by_signals(session.stop):
        try:
            _run_with_bar(session)
        finally:
            _conclude(session, report)
        _stay(session)


def _session_for(source: str, given: dict[str, Any], live: LiveRun | None, serve: Serve | None) -> Session:
    from rtseg.cli.plans import terms_on_screen
    from rtseg.cli.screen import standard_error
    from rtseg.options import RunOptions

    options = RunOptions(
        source=source,
        live=live,
        serve=serve,
        every=given["every"] if live is None else None,
        **{name: given[name] for name in _RUN_OPTIONS},
    )
    with terms_on_screen(standard_error(), trust=options.trust_plan) as terms:
        if live is None:
            from rtseg.session import Session

            return Session(options, terms=terms)
        from rtseg.live import LiveSession

        return LiveSession(options, terms=terms)


def _run_with_bar(session: Session) -> None:
    from rtseg.cli.screen import progress_bar, standard_error

    model = session.backend.model
    standard_error().print(
        f"{session.source.uri}: {session.source.width}×{session.source.height}, "
        f"{float(session.source.fps):.4g} fps; {model.name} {model.precision} on {session.backend.name}",
        markup=False,
        soft_wrap=True,
    )
    if session.page is not None:
        standard_error().print(f"page: {session.page.link}", markup=False, soft_wrap=True)
    with progress_bar("rate") as bar, Asked() as asked:
        task = bar.add_task("segmenting", total=session.expected_frames, rate="")

        def show(progress: Progress) -> None:
            done = session.kept_frames + progress.books.shown
            bar.update(task, completed=done, rate=f"{progress.fps:.1f} fps")
            if asked.take():
                bar.console.print(session.figures(), markup=False, soft_wrap=True)

        session.run(show)


def _stay(session: Session) -> None:
    """Leave the page there, if it is the only output."""
    from rtseg.cli.screen import standard_error

    if session.page is not None and session.page.stays:
        standard_error().print(
            f"The page stays: {session.page.link}. Ctrl-C ends.", markup=False, soft_wrap=True
        )
        session.stay()


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
    columns, cpu_ms = ("mean", "p50", "p95", "p99", "max"), outcome.cpu_ms_per_frame
    rows = {
        name: tuple(f"{figures[column]:.1f}" for column in columns)
        for name, figures in outcome.latency_ms.items()
    }
    rows = {**rows, **{name: ("",) * len(columns) for name in cpu_ms if name not in rows}}
    console.print(
        table(
            "milliseconds a frame",
            ("stage", *columns, "CPU"),
            [
                (name, *figures, f"{cpu_ms.get(name, sum(cpu_ms.values())):.1f}")
                for name, figures in rows.items()
            ],
        )
    )
    summary = {
        **({"resumed": f"{session.kept_frames} frames were there"} if session.kept_frames else {}),
        "frames": books.sentence(),
        "speed": f"{outcome.fps:.1f} fps, {outcome.seconds:.1f} s in all",
        **session.summary(),
    }
    summary |= {kind: path for kind, path in session.outputs().items() if path is not None}
    if target not in (None, "-"):
        summary["report"] = str(target)
    console.print(facts(summary))
    for warning in session.warnings():
        standard_error().print(f"warning: {warning}", markup=False, soft_wrap=True)

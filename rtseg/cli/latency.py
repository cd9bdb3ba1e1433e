"""`rtseg latency`: how old a picture is when it is shown, measured through the whole chain."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from rtseg.cli.live import live_options, live_run_from
from rtseg.cli.options import (
    backend_option,
    every_option,
    model_option,
    precision_option,
    report_option,
    seconds_option,
    threads_option,
)
from rtseg.cli.signals import stopped_by_signals
from rtseg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rtseg.latency.reader import CardReader
    from rtseg.live import LiveSession
    from rtseg.options import LiveRun

_USUAL_SECONDS = 10.0
_OPEN_S = 20.0
_SIZE = click.option("--size", default="640x480", show_default=True, metavar="WxH", help="Of the card.")
_FPS = click.option("--fps", type=click.IntRange(1, 240), default=30, show_default=True, help="Of the card.")


@click.command("latency")
@click.argument("source", required=False)
@click.option(
    "--to", "target", metavar="URL", help="Where the card is streamed to, for SOURCE to deliver it."
)
@_SIZE
@_FPS
@model_option
@precision_option
@backend_option
@threads_option
@every_option
@seconds_option
@report_option
@live_options
def latency_command(
    source: str | None,
    target: str | None,
    size: str,
    fps: int,
    report: str | None,
    **given: Any,  # noqa: ANN401
) -> None:
    """Measure from light to light: how old pictures are when they are shown, all buffers included.

    A card that tells when it was made is shown on this screen, for the camera SOURCE to film; or streamed to
    an address (--to) from which it comes back as SOURCE. Without SOURCE it goes over an RTSP stream within
    this machine, which shows what the chain costs without a camera.

    \b
    Examples:
      rtseg latency
      rtseg latency --latency 150 --seconds 30
      rtseg latency 0 --camera-size 1280x720 --latency auto
      rtseg latency rtsp://server:8554/card --to rtsp://server:8554/card
    """
    from rtseg.report import check_writable

    if target is not None and source is None:
        raise InputError("--to says where the card goes; say also where it comes back from, as SOURCE.")
    if report is not None:
        check_writable(report)
    receives = source is None
    if source is None:
        source = target = f"rtsp://127.0.0.1:{_free_port()}/card"
    given["seconds"] = given["seconds"] or _USUAL_SECONDS
    live = live_run_from(source, {**given, "mode": "live", "resume": False, "stream": None})
    assert live is not None
    if live.realtime:
        raise InputError(f"{source}: is a file. Name a camera or a stream that can see the card.")
    with _sending(target or "screen", size, fps):
        _measure(source, _listening(live) if receives else live, given, report)


def _listening(live: LiveRun) -> LiveRun:
    receive = replace(live.receive, listen=True, open_timeout_s=max(live.receive.open_timeout_s, _OPEN_S))
    return replace(live, receive=receive)


def _measure(source: str, live: LiveRun, given: dict[str, Any], report: str | None) -> None:
    from rtseg.latency.reader import CardReader
    from rtseg.live import LiveSession
    from rtseg.options import RunOptions

    shared = ("model", "precision", "backend", "threads", "seconds")
    options = RunOptions(source=source, live=live, **{name: given[name] for name in shared})
    reader = CardReader()
    with LiveSession(options, sinks={"card": reader}) as session:
        with stopped_by_signals(session.stop):
            session.run()
        _conclude(session, reader, report)


def _conclude(session: LiveSession, reader: CardReader, target: str | None) -> None:
    from rtseg import report
    from rtseg.cli.screen import console_for, facts, standard_error, table

    if not reader.whole.count:
        raise InputError(
            f"{session.source.uri}: in none of {reader.unread} pictures the card could be read. "
            "Let the camera see all of the screen, sharp and without reflections."
        )
    made = session.report() | {
        "command": "latency",
        "glass_ms": {"whole": reader.whole.summary_ms(), "before_capture": reader.before.summary_ms()},
        "unread": reader.unread,
    }
    if target is not None:
        report.write(made, target)
    columns = ("mean", "p50", "p95", "p99", "max")
    rows = (("made to captured", reader.before), ("made to shown", reader.whole))
    console = console_for(target)
    console.print(
        table(
            "milliseconds",
            ("", *columns),
            [
                (name, *(f"{histogram.summary_ms()[column]:.1f}" for column in columns))
                for name, histogram in rows
            ],
        )
    )
    assert session.outcome is not None
    read = f"{reader.whole.count} pictures read, {reader.unread} not"
    console.print(facts({"card": read, "frames": session.outcome.books.sentence(), **session.summary()}))
    for warning in session.warnings():
        standard_error().print(f"warning: {warning}", markup=False, soft_wrap=True)


@contextmanager
def _sending(target: str, size: str, fps: int) -> Iterator[None]:
    """Have the card sent, by a process of its own, while this lasts."""
    command = [sys.executable, "-m", "rtseg.latency.sender", target, size, str(fps)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as sender:
        try:
            yield
        finally:
            sender.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port

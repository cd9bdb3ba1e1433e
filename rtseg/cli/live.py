"""The options of `rtseg run` that only live runs have, and whether a run is one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from rtseg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtseg.options import LiveRun

_SIZE = re.compile(r"(\d{1,5})[x×](\d{1,5})")


def _size(_context: click.Context, _option: click.Parameter, text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = _SIZE.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"{text} is not of the form WIDTHxHEIGHT, such as 1280x720.")
    return int(match[1]), int(match[2])


def _latency(_context: click.Context, _option: click.Parameter, text: str | None) -> float | str | None:
    if text is None or text == "auto":
        return text
    try:
        latency_ms = float(text)
    except ValueError:
        latency_ms = -1.0
    if not 0 < latency_ms <= 10_000:
        raise click.BadParameter(f"{text} is neither a number of milliseconds, up to 10000, nor auto.")
    return latency_ms


_SECONDS = click.FloatRange(min=0, min_open=True)

_OPTIONS = (
    click.option("--realtime", is_flag=True, help="Play a file as if a camera gave it."),
    click.option("--loop", is_flag=True, help="With --realtime: begin again at the end."),
    click.option(
        "--latency",
        callback=_latency,
        metavar="MS|auto",
        help="Show every frame so many milliseconds after it was captured; auto finds the least.",
    ),
    click.option(
        "--on-error",
        type=click.Choice(("stop", "skip")),
        help="When a frame cannot be processed: end (stop, the default), or go on without it.",
    ),
    click.option("--camera-size", callback=_size, metavar="WxH", help="Size to ask the camera for."),
    click.option("--camera-fps", type=_SECONDS, metavar="X", help="Frame rate to ask the camera for."),
    click.option("--camera-format", metavar="FOURCC", help="Pixel format to ask it for: MJPG, YUYV …"),
    click.option("--transport", type=click.Choice(("tcp", "udp")), help="Of RTSP; tcp if left out."),
    click.option("--open-timeout", type=_SECONDS, metavar="S", help="Seconds to wait for a connection."),
    click.option("--read-timeout", type=_SECONDS, metavar="S", help="… and for a frame, then reconnect."),
    click.option(
        "--give-up", type=_SECONDS, metavar="S", help="End after so long without a picture; else never."
    ),
    click.option("--split", type=_SECONDS, metavar="S", help="Begin a new recording every S seconds."),
    click.option("--push", metavar="URL", help="Stream the overlay to rtsp://, udp://, rtmp:// or srt://."),
    click.option("--metrics", metavar="HOST:PORT", help="Serve figures for Prometheus."),
    click.option("--window", is_flag=True, help="Show the overlay on the screen; h shows the keys."),
    click.option("--mark-stale", is_flag=True, help="Mark pictures whose labels are not their own."),
)

_ONLY_LIVE = (
    "latency", "on_error", "camera_size", "camera_fps", "camera_format", "transport", "open_timeout",
    "read_timeout", "give_up", "split", "push", "metrics", "window", "mark_stale",
)  # fmt: skip


def live_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def live_run_from(source: str, given: dict[str, Any]) -> LiveRun | None:
    """Tell whether a run over `source` is live, and what it is to do; None for a run over a file.

    Args:
        source: as named by the user.
        given: all options by name, those of this file and "mode" among them.

    Raises:
        InputError: options do not go together.
    """
    from rtseg.sources import is_live

    mode, streams = given["mode"], is_live(source)
    if mode == "file" and (streams or given["realtime"]):
        what = "--realtime" if given["realtime"] else "a camera or a stream"
        raise InputError(f"--mode file: {what} is live. Leave --mode out.")
    if not (streams or given["realtime"] or mode == "live"):
        _refuse(given, (*_ONLY_LIVE, "loop"), "for live runs: a camera, a stream, or a file with --realtime")
        return None
    _refuse(given, ("resume",), "for files, and this run is live")
    if streams:
        _refuse(given, ("stream",), "for files")
        _refuse(given, ("realtime", "loop"), "for files; a camera or a stream is live anyway")
    if given["latency"] is None:
        _refuse(given, ("every", "mark_stale"), "for runs with --latency, where every frame is shown")
    if given["window"]:
        from rtseg.window.display import open_display

        open_display()  # before PyAV is imported
    return _live_run(given, realtime=not streams)


def _live_run(given: dict[str, Any], *, realtime: bool) -> LiveRun:
    from rtseg.options import LiveRun
    from rtseg.sources.live import LiveOptions

    asked = {
        "camera_size": given["camera_size"],
        "camera_fps": given["camera_fps"],
        "camera_format": given["camera_format"],
        "transport": given["transport"],
        "open_timeout_s": given["open_timeout"],
        "read_timeout_s": given["read_timeout"],
        "give_up_s": given["give_up"],
        "loop": given["loop"],
    }
    latency, every = given["latency"], given["every"]
    return LiveRun(
        latency_ms=None if latency == "auto" else latency,
        auto_latency=latency == "auto",
        every=None if every == "auto" else every,
        skip_errors=given["on_error"] == "skip",
        realtime=realtime,
        receive=LiveOptions(**{name: value for name, value in asked.items() if value is not None}),
        split_s=given["split"],
        push=given["push"],
        metrics=given["metrics"],
        window=given["window"],
        mark_stale=given["mark_stale"],
    )


def _refuse(given: dict[str, Any], names: tuple[str, ...], whatfor: str) -> None:
    for name in names:
        if given[name] not in (None, False):
            raise InputError(f"--{name.replace('_', '-')} is {whatfor}.")

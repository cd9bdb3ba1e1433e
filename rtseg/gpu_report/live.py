"""The live pipeline on the GPU, for a while: the path that ships, from the picture to the overlay."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from rtseg.live import LiveSession
from rtseg.options import LiveRun, RunOptions
from rtseg.sources import is_live
from rtseg.sources.drive_files import write_drive
from rtseg.sources.live import LiveOptions
from rtseg.sources.synthetic import SyntheticDrive

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtseg.gpu_report.request import Request
    from rtseg.tensorrt.cache import Terms

DRIVE_S = 8
"""Length of the drive that is played again and again: rendering it takes longer than driving it."""


def drive_film(folder: str, check_stopped: Callable[[], None]) -> str:
    """Write the drive as a film into a folder, to stand in for a camera, and return its path.

    Raises:
        SinkFault: it cannot be written.
        Interrupted: `check_stopped` did.
    """
    film = Path(folder) / "drive.mp4"
    drive = SyntheticDrive(640, 480, Fraction(30), seconds=Fraction(DRIVE_S), seed=3)
    write_drive(drive, film, None, lambda _: check_stopped())
    return str(film)


def live_session(source: str, request: Request, precision: str, terms: Terms) -> LiveSession:
    """A live run over `source`, at the least latency that can be kept; raises what `LiveSession` does.

    The latency is found in the first seconds; a film begins again at its end. Nothing is written, but frames
    are painted all the same.
    """
    is_played = not is_live(source)
    options = RunOptions(
        source=source,
        model=request.model,
        precision=precision,
        backend="tensorrt",
        seconds=request.seconds,
        live=LiveRun(auto_latency=True, realtime=is_played, receive=LiveOptions(loop=is_played)),
    )
    return LiveSession(options, terms=terms)


def private(source: str) -> str:
    """What may be told of a source: a stream's scheme, a file's ending."""
    scheme, mark, _ = source.partition("://")
    return f"{scheme}://…" if mark else f"…{PurePath(source).suffix}"

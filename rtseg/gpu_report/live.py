"""The live pipeline on the GPU, for a while: the path that ships, from the picture to the overlay."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from rtseg.live import LiveSession
from rtseg.options import LiveRun, RunOptions

if TYPE_CHECKING:
    from rtseg.gpu_report.request import Request
    from rtseg.tensorrt.cache import Terms


def live_session(request: Request, precision: str, terms: Terms) -> LiveSession:
    """A live run over the source, at the least latency that can be kept; raises what `LiveSession` does.

    The latency is found in the first seconds. Nothing is written; frames are painted all the same.
    """
    options = RunOptions(
        source=request.live_source,
        model=request.model,
        precision=precision,
        backend="tensorrt",
        seconds=request.seconds,
        live=LiveRun(auto_latency=True, realtime=request.is_played),
    )
    return LiveSession(options, terms=terms)


def private(source: str) -> str:
    """What may be told of a source: a stream's scheme, a file's ending."""
    scheme, mark, _ = source.partition("://")
    return f"{scheme}://…" if mark else f"…{PurePath(source).suffix}"

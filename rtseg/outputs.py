"""The sinks of what a run writes, by kind, as its options ask for them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rtseg.pipeline import Aside
from rtseg.sinks.images import image_sink, is_image_output
from rtseg.sinks.labels import label_sink
from rtseg.sinks.push import PushSink
from rtseg.sinks.recording import RecordingSink
from rtseg.sinks.table import TableSink, rows_path
from rtseg.sinks.video import VideoSink
from rtseg.stages.look import size_shown

if TYPE_CHECKING:
    from rtseg.classes import ClassSet
    from rtseg.options import LiveRun, RunOptions
    from rtseg.sinks.base import Sink
    from rtseg.sinks.kept import Forerun
    from rtseg.sources.base import Source

_PATIENCE_S, _PATIENCE_BYTES = 4.0, 256 << 20
"""How much a file may lag behind what is shown, while the disk is busy."""


def film_sinks(
    options: RunOptions, source: Source, classes: ClassSet, forerun: Forerun, frames: int | None
) -> dict[str, Sink]:
    """Those of a run over a file: "video", "labels" and "table", as far as they are asked for.

    Args:
        options: of the run.
        source: whose frames are written.
        classes: of the model.
        forerun: what there is of the outputs already.
        frames: how many there will be, if that is known.
    """
    paths, kept = options.outputs, forerun.kept
    sinks: dict[str, Sink] = {}
    if "video" in paths and is_image_output(paths["video"]):
        sinks["video"] = image_sink(paths["video"], frames)
    elif "video" in paths:
        sinks["video"] = VideoSink(
            paths["video"],
            source,
            codec=options.codec,
            crf=options.crf,
            companions=options.companions,
            size=size_shown(options.view, source.width, source.height),
            kept=kept.get("video", ()),
        )
    if "labels" in paths:
        sinks["labels"] = label_sink(paths["labels"], source, kept.get("labels", ()))
    if "table" in paths:
        sinks["table"] = TableSink(
            paths["table"], source, classes, kept=kept.get("table", ()), rows=rows_path(paths["table"])
        )
    return sinks


def live_sinks(options: RunOptions, live: LiveRun, source: Source, classes: ClassSet) -> dict[str, Aside]:
    """Those of a live run, "push" too, each in a thread of its own.

    What is written is to be complete, and a slow disk not to hold up what is shown: seconds' worth of
    pictures may wait, as far as memory is not the matter.
    """
    paths, size = options.outputs, size_shown(options.view, source.width, source.height)
    sinks: dict[str, Sink] = {}
    if "video" in paths:
        sinks["video"] = RecordingSink(
            paths["video"], source, codec=options.codec, crf=options.crf, size=size, split_s=live.split_s
        )
    if "labels" in paths:
        sinks["labels"] = label_sink(paths["labels"], source, ())
    if "table" in paths:
        sinks["table"] = TableSink(paths["table"], source, classes, live=True)
    picture_bytes = math.prod(size) * 3 // 2
    room = max(2, min(round(float(source.fps) * _PATIENCE_S), _PATIENCE_BYTES // picture_bytes))
    asides = {kind: Aside(sink, kind, capacity=room, vital=True) for kind, sink in sinks.items()}
    if live.push is not None:
        push = PushSink(live.push, source, codec=options.codec, crf=options.crf, size=size)
        asides["push"] = Aside(push, "push")
    return asides

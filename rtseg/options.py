"""What a run is to do, and whether it can be written where it should."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rtseg.errors import OutputError
from rtseg.sinks.images import check_image_output, is_image_output
from rtseg.sinks.labels import check_labels_output
from rtseg.sinks.output import CONTAINERS, check_output
from rtseg.sinks.table import check_table_output
from rtseg.sources.live import LiveOptions

if TYPE_CHECKING:
    from pathlib import Path

    from rtseg.web.server import Serve


@dataclass(frozen=True, slots=True)
class LiveRun:
    """What only a live run has.

    Attributes:
        latency_ms: from a frame's capture to the instant at which it is shown; None shows each as soon as it
            can be, and leaves out what is overtaken.
        auto_latency: find the latency, in some seconds before the run.
        every: infer every nth frame; None for as many as the machine can. Without a latency all.
        skip_errors: pass over frames for which a stage raised, and go on.
        realtime: the source is a file, to be played as if a camera gave it.
        receive: how the source is opened, and what it is asked for.
        split_s: begin a new recording every so many seconds; None for one.
        push: where the overlay is streamed to: rtsp://, udp://, …; None for nowhere.
        metrics: HOST:PORT of a Prometheus endpoint; None for none.
        window: whether the overlay is shown on the screen.
        mark_stale: whether the picture bears a mark where its labels are not its own.
    """

    latency_ms: float | None = None
    auto_latency: bool = False
    every: int | None = None
    skip_errors: bool = False
    realtime: bool = False
    receive: LiveOptions = field(default_factory=LiveOptions)
    split_s: float | None = None
    push: str | None = None
    metrics: str | None = None
    window: bool = False
    mark_stale: bool = False


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run is to do.

    Attributes:
        source: a video file; an image, a folder or a pattern of them; or
            synth://WIDTHxHEIGHT@FPS?seconds=S&seed=N.
        stream: number of the video stream in the file; None for the best.
        out: the overlay: a video file, an image, or a folder for images; None for none.
        codec: of the overlay video: "h264", "hevc", "av1", "ffv1", or FFmpeg's name of an encoder.
        crf: quality of the overlay video on the encoder's scale, lower is better; None for the usual one.
        labels: the label maps: a .mkv file, a folder for PNG images, or None for none.
        table: a row for each frame: a .parquet or .csv file, or None for none.
        model: name of a shipped model, a model folder, an ONNX file, or None for the default.
        precision: "auto", "fp32", "fp16" or "int8".
        backend: "auto" or a backend's name.
        trust_plan: whether a TensorRT plan is taken that another user may have made; it can run any code.
        threads: how many threads the backend may compute with; None leaves it the choice.
        opacity: of the colours over the picture, 0…1.
        only: the classes to colour; None for all.
        view: "overlay", "mask" or "side-by-side".
        legend: whether the classes' names and colours are burnt in.
        overlay_on: where colours are laid over the picture: "cpu", or "gpu" with the tensorrt backend.
        every: infer every nth frame of a file, and more where needed; "auto": as few as an estimate of the
            error allows. The others get the labels of both neighbours, moved to them. None infers all.
        smooth: whether labels flicker less: those that were shown have a say in the next ones.
        begin: number of the first frame that is segmented, for a piece of a film.
        max_frames: end after so many frames, counted from the source's first; None for no limit.
        seconds: end after so many seconds of the source; None for no limit.
        companions: whether sound, subtitles and metadata of the film are copied.
        resume: go on with what an earlier run with the same options left of the outputs, if anything.
        overwrite: replace outputs that exist, and forget what an earlier run left; with `resume`, only what
            cannot be gone on with.
        serve: where the run is shown in browsers; None for nowhere.
        live: for a live run, what only that has; None for a run over a file.
    """

    source: str
    stream: int | None = None
    out: Path | None = None
    codec: str = "h264"
    crf: float | None = None
    labels: Path | None = None
    table: Path | None = None
    model: str | None = None
    precision: str = "auto"
    backend: str = "auto"
    trust_plan: bool = False
    threads: int | None = None
    opacity: float = 0.5
    only: frozenset[str] | None = None
    view: str = "overlay"
    legend: bool = False
    overlay_on: str = "cpu"
    every: int | Literal["auto"] | None = None
    smooth: bool = False
    begin: int = 0
    max_frames: int | None = None
    seconds: float | None = None
    companions: bool = True
    resume: bool = False
    overwrite: bool = False
    serve: Serve | None = None
    live: LiveRun | None = None

    @property
    def outputs(self) -> dict[str, Path]:
        """Where the outputs that are asked for go, by kind."""
        wanted = {"video": self.out, "labels": self.labels, "table": self.table}
        return {kind: path for kind, path in wanted.items() if path is not None}

    @property
    def writes_film(self) -> bool:
        """Whether an output is a film, which has one size; images may each keep theirs."""
        return any(path.suffix.lower() in CONTAINERS for path in (self.out, self.labels) if path)


def check_outputs(options: RunOptions) -> None:
    """Check all outputs before anything is opened.

    Raises:
        InputError: one cannot be written, or two are one.
    """
    if options.out is not None:
        if is_image_output(options.out):
            meant = options.resume or options.overwrite
            check_image_output(options.out, options.source, among_others=meant)
        else:
            check_output(options.out, options.source)
    if options.labels is not None:
        check_labels_output(options.labels, options.source)
    if options.table is not None:
        check_table_output(options.table, options.source)
    outputs = {path.resolve() for path in options.outputs.values()}
    if len(outputs) < len(options.outputs):
        raise OutputError("Two outputs have the same name. Give each its own.")

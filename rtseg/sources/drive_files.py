"""The synthetic drive as files: a video with or without label maps, or a data folder for training."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from rtseg.errors import OutputError, SinkFault
from rtseg.frame import LabelMap, Painted
from rtseg.sinks.output import CONTAINERS, check_output
from rtseg.sinks.video import VideoSink

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from rtseg.sources.synthetic import SyntheticDrive

SPLIT = "synth"
"""Name of the split in a data folder: images lie in DIR/synth, their label maps in DIR/synthannot."""


def write_drive(
    drive: SyntheticDrive, out: Path, labels_dir: Path | None, on_frame: Callable[[int], None]
) -> None:
    """Render a drive to disk: all of it, or nothing.

    Args:
        drive: what to render.
        out: a video, or, where the name has no ending or is a folder, a data folder in CamVid's SegNet layout
            with the split "synth".
        labels_dir: where a video's label maps go, as 000000.png …, 8-bit grey levels that are class ids; None
            for nowhere.
        on_frame: called with the number of frames done, after each.

    Raises:
        OutputError: `out` or `labels_dir` cannot be written; found before anything is rendered.
        SinkFault: writing failed on the way, for instance on a full disk; nothing is left.
    """
    if out.suffix and not out.is_dir():
        _check_video(out, labels_dir)
        moves = {out.name: out} | ({"labels": labels_dir} if labels_dir is not None else {})
    else:
        _check_data_folder(out, labels_dir)
        moves = {SPLIT: out / SPLIT, f"{SPLIT}annot": out / f"{SPLIT}annot"}
    growing = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
    try:
        if out in moves.values():
            _write_video(drive, growing / out.name, growing / "labels" if labels_dir else None, on_frame)
        else:
            _write_images(drive, growing / SPLIT, growing / f"{SPLIT}annot", on_frame)
        for name, target in moves.items():
            _move(growing / name, target)
    except OSError as error:
        if isinstance(error, SinkFault):
            raise
        raise SinkFault(f"{out}: writing failed ({error.strerror or error}). Nothing was kept.") from error
    finally:
        shutil.rmtree(growing, ignore_errors=True)


def _check_video(out: Path, labels_dir: Path | None) -> None:
    if out.suffix.lower() not in CONTAINERS:
        raise OutputError(
            f"{out}: not a kind of video that can be written. Let the name end in one of "
            f"{' '.join(CONTAINERS)}, or in nothing for a data folder."
        )
    check_output(out, "")
    if labels_dir is not None:
        _check_new_folder(labels_dir)


def _check_data_folder(out: Path, labels_dir: Path | None) -> None:
    if labels_dir is not None:
        raise OutputError(f"{out}: a data folder has its label maps in it. Leave the folder for labels out.")
    _check_parent(out)
    for name in (SPLIT, f"{SPLIT}annot"):
        _check_new_folder(out / name, parent_is_made=True)


def _check_new_folder(folder: Path, *, parent_is_made: bool = False) -> None:
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise OutputError(f"{folder}: exists already. Remove it, or choose another name.")
    if not parent_is_made:
        _check_parent(folder)


def _check_parent(path: Path) -> None:
    if not path.parent.is_dir():
        raise OutputError(
            f"{path}: the folder {path.parent} does not exist. Make it first, or choose another."
        )
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path}: the folder {path.parent} cannot be written to. Choose another.")


def _write_video(
    drive: SyntheticDrive, video: Path, labels_dir: Path | None, on_frame: Callable[[int], None]
) -> None:
    if labels_dir is not None:
        labels_dir.mkdir()
    with ExitStack() as stack:
        sink = stack.enter_context(VideoSink(video, source=drive))
        for index in range(drive.frame_count):
            image, labels = drive.render(index)
            frame = drive.frame_from_rgb(image, index)
            sink.write(Painted(frame, LabelMap(labels), frame.picture))
            if labels_dir is not None:
                _write_png(labels_dir / f"{index:06d}.png", labels)
            on_frame(index + 1)


def _write_images(
    drive: SyntheticDrive, images: Path, labels_dir: Path, on_frame: Callable[[int], None]
) -> None:
    images.mkdir()
    labels_dir.mkdir()
    for index in range(drive.frame_count):
        image, labels = drive.render(index)
        _write_png(images / f"{index:06d}.png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        _write_png(labels_dir / f"{index:06d}.png", labels)
        on_frame(index + 1)


def _write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write uint8 (H, W) or (H, W, 3) BGR. Through memory: cv2 itself says nothing when the disk is full."""
    encoded: NDArray[np.uint8] = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1]
    path.write_bytes(encoded.tobytes())


def _move(made: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    if made.is_dir() and target.is_dir():
        target.rmdir()
    # The folder for labels may lie on another disk than the video.
    shutil.move(made, target)

"""`rtseg synth`: the synthetic drive as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rtseg.cli.options import existing_or_not

if TYPE_CHECKING:
    from pathlib import Path


@click.command("synth")
@click.argument("out", type=existing_or_not)
@click.option("--size", default="640x480", show_default=True, metavar="WxH", help="Width and height, pixels.")
@click.option("--fps", default="30", show_default=True, metavar="F", help="Frames a second.")
@click.option("--seconds", default="10", show_default=True, metavar="S", help="Length.")
@click.option("--seed", default="0", show_default=True, metavar="N", help="Which drive.")
@click.option(
    "--labels", type=existing_or_not, metavar="DIR", help="Write the label maps there, as PNGs of class ids."
)
def synth_command(out: Path, size: str, fps: str, seconds: str, seed: str, labels: Path | None) -> None:
    """Render a synthetic drive to OUT: a video file, or a data folder (with labels) for anything else.

    \b
    Examples:
      rtseg synth drive.mp4 --size 1280x720 --seconds 5 --labels drive-labels
      rtseg synth data/drive --size 480x360 --fps 2 --seed 7
      rtseg eval --data data/drive --split synth

    The same size, rate, length and seed give the same pixels on every machine.
    """
    from rtseg.cli.screen import progress_bar
    from rtseg.sources.drive_files import write_drive
    from rtseg.sources.synthetic import SyntheticDrive

    drive = SyntheticDrive.from_uri(f"synth://{size}@{fps}?seconds={seconds}&seed={seed}")
    with progress_bar() as bar:
        task = bar.add_task("rendering", total=drive.frame_count)
        write_drive(drive, out, labels, lambda done: bar.update(task, completed=done))

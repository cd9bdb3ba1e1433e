"""A window over a picture that goes on, for the tests: tells on its standard output what it is like."""

from __future__ import annotations

import json
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from rtseg.window.display import open_display

if __name__ == "__main__":
    open_display()

from rtseg.classes import CAMVID
from rtseg.frame import Labelled, LabelMap
from rtseg.pipeline import Books
from rtseg.sources.synthetic import SyntheticDrive
from rtseg.stages.colorize import Colorize
from rtseg.window.latest import LatestPicture
from rtseg.window.strip import Status
from rtseg.window.window import Window


def main(seconds: float, folder: Path, width: int, height: int) -> None:
    drive = SyntheticDrive(width, height, Fraction(30), seconds=Fraction(1))
    rendered = [drive.render(index) for index in range(3)]
    colorize, latest, told = Colorize(CAMVID), LatestPicture(), ""
    index, longest_s, until = 0, 0.0, time.monotonic() + seconds
    with Window(latest, colorize, CAMVID, snapshots=folder) as window:
        while time.monotonic() < until:
            image_rgb, ids = rendered[index % 3]
            frame = drive.frame_from_rgb(image_rgb, index)
            labels = LabelMap(np.where(ids < len(CAMVID), ids, np.uint8(0)), "propagated")
            latest.write(colorize.process(Labelled(frame, labels)))
            books = Books(index + 1, index - 5 if index > 5 else 0, 3, 1, {"late": 2})
            begun = time.monotonic()
            goes_on = window.tick(Status(books, 29.97, 81.2, 96.4, 3))
            longest_s = max(longest_s, time.monotonic() - begun) if index > 10 else 0.0
            look = colorize.look
            line = json.dumps(
                {
                    "opacity": look.opacity,
                    "view": look.view,
                    "only": None if look.only is None else sorted(look.only),
                    "legend": look.legend,
                    "mark_stale": look.mark_stale,
                    "paused": window.is_paused,
                }
            )
            if line != told:
                told = line
                sys.stdout.write(f"{line}\n")
                sys.stdout.flush()
            if not goes_on:
                break
            index += 1
            time.sleep(0.015)
    sys.stdout.write(json.dumps({"quit": not goes_on, "longest_s": longest_s, "ticks": index}) + "\n")


if __name__ == "__main__":
    main(float(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))

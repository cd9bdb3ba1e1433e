"""supervision's threaded process_video around OpenVINO, with the sound kept.

python supervision_video.py CLIP OUT.mp4 MODEL
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import cv2
import numpy as np
import openvino
import supervision

from peers.marks import Marks
from peers.paint import overlaid

if TYPE_CHECKING:
    from numpy.typing import NDArray


def main() -> None:
    """Let it read and write in its threads; infer and paint in its callback."""
    clip, out, path = sys.argv[1:4]
    compiled = openvino.Core().compile_model(path, "CPU", {"PERFORMANCE_HINT": "LATENCY"})
    _, height, width, _ = compiled.input(0).shape
    compiled(np.zeros((1, height, width, 3), np.uint8))
    marks = Marks()

    def painted(frame: NDArray[np.uint8], _index: int) -> NDArray[np.uint8]:
        image = cv2.cvtColor(cv2.resize(frame, (width, height)), cv2.COLOR_BGR2RGB)
        shown = overlaid(frame, compiled(image[None])[0][0])
        marks.note()
        return shown

    supervision.process_video(clip, out, painted, preserve_audio=True)
    marks.tell()


if __name__ == "__main__":
    main()

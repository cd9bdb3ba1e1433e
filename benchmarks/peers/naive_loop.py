"""The loop of benchmarks/naive.py, with marks."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import openvino

from peers.marks import Marks
from peers.paint import overlaid


def main() -> None:
    """Read, infer, paint, write; one after the other."""
    clip, out, model = sys.argv[1:4]
    compiled = openvino.Core().compile_model(model, "CPU")
    _, height, width, _ = compiled.input(0).shape
    compiled(np.zeros((1, height, width, 3), np.uint8))
    capture = cv2.VideoCapture(clip)
    size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    writer = cv2.VideoWriter(out, cv2.VideoWriter.fourcc(*"mp4v"), capture.get(cv2.CAP_PROP_FPS), size)
    marks = Marks()
    while True:
        is_there, frame = capture.read()
        if not is_there:
            break
        image = cv2.cvtColor(cv2.resize(frame, (width, height)), cv2.COLOR_BGR2RGB)
        writer.write(overlaid(frame, compiled(image[None])[0][0]))
        marks.note()
    writer.release()
    marks.tell()


if __name__ == "__main__":
    main()

"""vidgear's threaded CamGear and its WriteGear (FFmpeg, x264) around ONNX Runtime.

python vidgear_onnxruntime.py CLIP OUT.mp4 MODEL
"""

from __future__ import annotations

import shutil
import sys

import cv2
import numpy as np
import onnxruntime
from vidgear.gears import CamGear, WriteGear

from peers.marks import Marks
from peers.paint import overlaid


def main() -> None:
    """Read in a thread, infer, paint, and pipe to FFmpeg."""
    clip, out, path = sys.argv[1:4]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    _, height, width, _ = session.get_inputs()[0].shape
    session.run(None, {"image": np.zeros((1, height, width, 3), np.uint8)})
    stream = CamGear(source=clip, logging=False).start()
    writer = WriteGear(
        output=out, compression_mode=True, logging=False, custom_ffmpeg=shutil.which("ffmpeg") or "",
        **{"-input_framerate": stream.framerate, "-vcodec": "libx264", "-preset": "ultrafast", "-crf": "20",
           "-pix_fmt": "yuv420p", "-disable_force_termination": True},
    )  # fmt: skip
    marks = Marks()
    while (frame := stream.read()) is not None:
        image = cv2.cvtColor(cv2.resize(frame, (width, height)), cv2.COLOR_BGR2RGB)
        writer.write(overlaid(frame, session.run(None, {"image": image[None]})[0][0]))
        marks.note()
    stream.stop()
    writer.close()
    marks.tell()


if __name__ == "__main__":
    main()

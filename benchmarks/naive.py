"""The loop that a good engineer writes in a quarter of an hour: what `rtseg run` has to beat.

python benchmarks/naive.py CLIP OUT.mp4

The same model in the same runtime, with all cores; OpenCV for all else. No sound, no timestamps. Prints
frames, seconds and CPU seconds as JSON; the model's loading is not counted.
"""

from __future__ import annotations

import json
import sys
import time

import cv2
import numpy as np

from rtseg.model import find_model
from rtseg.runtimes import load_openvino


def main() -> None:
    """Run the loop over the clip."""
    clip, out = sys.argv[1:3]
    model = find_model(None, "int8", ())
    runtime = load_openvino()
    compiled = runtime.Core().compile_model(str(model.path), "CPU")
    height, width = model.input_hw
    palette_bgr = np.array(model.classes.palette_rgb, np.uint8)[:, ::-1]
    compiled(np.zeros((1, height, width, 3), np.uint8))

    capture = cv2.VideoCapture(clip)
    size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    writer = cv2.VideoWriter(out, cv2.VideoWriter.fourcc(*"mp4v"), capture.get(cv2.CAP_PROP_FPS), size)
    frames, begun, cpu = 0, time.perf_counter(), time.process_time()
    while True:
        is_there, frame = capture.read()
        if not is_there:
            break
        image = cv2.cvtColor(cv2.resize(frame, (width, height)), cv2.COLOR_BGR2RGB)
        labels = compiled(image[None])[0][0]
        colours = cv2.resize(palette_bgr[labels], size, interpolation=cv2.INTER_NEAREST)
        writer.write(cv2.addWeighted(frame, 0.5, colours, 0.5, 0))
        frames += 1
    writer.release()
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    print(json.dumps({"frames": frames, "seconds": seconds, "cpu_seconds": cpu}))


if __name__ == "__main__":
    main()

"""Ultralytics' predict(stream=True, save=True) with its smallest semantic network, exported to OpenVINO.

python ultralytics_stream.py CLIP OUT.mp4 MODEL

Weights of Ultralytics may not be fetched here, so they are random: the network costs what it costs, and what
it says is nothing. In float32, as its export to INT8 wants a data set.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ |= {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false"}
os.environ["YOLO_CONFIG_DIR"] = tempfile.mkdtemp()

from ultralytics import YOLO, settings

from peers.marks import Marks


def main() -> None:
    """Export, then let it predict the film and save it."""
    settings.update({"sync": False})
    clip, out, _ = sys.argv[1:4]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        net = YOLO("yolo26n-sem.yaml", task="semantic")
        net.save("net.pt")
        exported = YOLO("net.pt", task="semantic").export(format="openvino", imgsz=(384, 640))
        model = YOLO(exported, task="semantic")
        marks = Marks()
        for _ in model.predict(
            clip, stream=True, save=True, imgsz=(384, 640), project=folder, name="run", verbose=False
        ):
            marks.note()
        saved = next(path for path in Path(folder, "run").iterdir() if path.suffix in {".mp4", ".avi"})
        shutil.move(saved, Path(out))
    marks.tell()


if __name__ == "__main__":
    main()

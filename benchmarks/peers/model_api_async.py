"""openvino-model-api: its SegmentationModel in its AsyncPipeline, as its asynchronous demos are written.

python model_api_async.py CLIP OUT.mp4 MODEL STREAMS
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import cv2
from model_api.adapters import OpenvinoAdapter, create_core
from model_api.models import SegmentationModel
from model_api.pipelines import AsyncPipeline

from peers.marks import Marks
from peers.paint import overlaid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class LabelMaps(SegmentationModel):  # type: ignore[misc]  # its library is not in our environment
    """Its postprocess takes the largest of class scores, of which our model gives none any more."""

    def postprocess(self, outputs: dict[str, Any], meta: dict[str, Any]) -> NDArray[np.uint8]:
        """Labels at the frame's size, as it enlarges its own."""
        height, width = meta["original_shape"][:2]
        labels = outputs[self.output_blob_name].squeeze()
        enlarged: NDArray[np.uint8] = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
        return enlarged


def main() -> None:
    """Keep the pipeline full, and take results in order."""
    clip, out, path, streams = sys.argv[1:5]
    plugin_config = {"NUM_STREAMS": streams, "INFERENCE_PRECISION_HINT": "f32"}
    adapter = OpenvinoAdapter(
        create_core(), path, device="CPU", plugin_config=plugin_config, max_num_requests=int(streams) + 1,
        model_parameters={"input_layouts": "NHWC"},
    )  # fmt: skip
    model = LabelMaps(adapter, {"return_soft_prediction": False, "reverse_input_channels": True})
    pipeline = AsyncPipeline(model)
    capture = cv2.VideoCapture(clip)
    size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    writer = cv2.VideoWriter(out, cv2.VideoWriter.fourcc(*"mp4v"), capture.get(cv2.CAP_PROP_FPS), size)
    marks, submitted, shown, is_open = Marks(), 0, 0, True
    while is_open or shown < submitted:
        found = pipeline.get_result(shown)
        if found is not None:
            labels, meta = found
            writer.write(overlaid(meta["frame"], labels))
            marks.note()
            shown += 1
            continue
        if is_open and pipeline.is_ready():
            is_open, frame = capture.read()
            if is_open:
                pipeline.submit_data(frame, submitted, {"frame": frame})
                submitted += 1
        elif is_open:
            pipeline.await_any()
        else:
            pipeline.await_all()
    writer.release()
    marks.tell()


if __name__ == "__main__":
    main()

"""CPU time and bytes a frame of x264's presets at crf 20, on a clip.

python benchmarks/encoder_presets.py ../shared/videos/highway.mp4
"""

from __future__ import annotations

import argparse
import io
import time
from fractions import Fraction

import av

from rtseg.report import environment

PRESETS = ("ultrafast", "superfast", "veryfast", "faster")


def main() -> None:
    """Encode the clip with each preset, in memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip")
    clip = parser.parse_args().clip
    with av.open(clip) as container:
        pictures = [picture.reformat(format="yuv420p") for picture in container.decode(video=0)]
    print(f"{clip}, {len(pictures)} frames; {environment()['cpu']}, PyAV {av.__version__}")
    for preset in PRESETS:
        file = io.BytesIO()
        with av.open(file, "w", format="matroska") as output:
            stream = output.add_stream("libx264", rate=25, options={"preset": preset, "crf": "20"})
            stream.width, stream.height, stream.pix_fmt = pictures[0].width, pictures[0].height, "yuv420p"
            stream.codec_context.thread_count = 1
            started = time.process_time()
            for number, picture in enumerate(pictures):
                picture.pts, picture.time_base = number, Fraction(1, 25)
                output.mux(stream.encode(picture))
            output.mux(stream.encode(None))
            cpu_ms = (time.process_time() - started) * 1e3 / len(pictures)
        print(f"{preset:10} {cpu_ms:6.1f} ms {len(file.getvalue()) / 1e3 / len(pictures):6.1f} kB a frame")


if __name__ == "__main__":
    main()

"""CPU time, bytes and fidelity a frame of x264's presets, on a clip: how the encoder's options were chosen.

python benchmarks/encoder_presets.py ../shared/videos/highway.mp4
"""

from __future__ import annotations

import argparse
import io
import time
from fractions import Fraction

import av
import numpy as np

from rtseg.picture import plane_view
from rtseg.report import environment

CHOICES = (
    ("ultrafast", 20),
    ("ultrafast", 23),
    ("superfast", 23),
    ("superfast", 20),
    ("superfast", 22),
    ("superfast", 24),
    ("veryfast", 20),
    ("veryfast", 22),
)


def main() -> None:
    """Encode the clip with each preset and crf, in memory, and decode it again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip")
    clip = parser.parse_args().clip
    with av.open(clip) as container:
        pictures = [picture.reformat(format="yuv420p") for picture in container.decode(video=0)]
    print(f"{clip}, {len(pictures)} frames; {environment()['cpu']}, PyAV {av.__version__}")
    for preset, crf in CHOICES:
        started = time.process_time()
        file = encoded(pictures, preset, crf)
        cpu_ms = (time.process_time() - started) * 1e3 / len(pictures)
        kilobytes = len(file.getvalue()) / 1e3 / len(pictures)
        fidelity = f"PSNR {psnr_db(pictures, file):.1f} dB"
        print(f"{preset:10} crf {crf} {cpu_ms:6.1f} ms {kilobytes:6.1f} kB a frame, {fidelity}")


def encoded(pictures: list[av.VideoFrame], preset: str, crf: int) -> io.BytesIO:
    """The pictures as Matroska, encoded in one thread."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        stream = output.add_stream("libx264", rate=25, options={"preset": preset, "crf": str(crf)})
        stream.width, stream.height, stream.pix_fmt = pictures[0].width, pictures[0].height, "yuv420p"
        stream.codec_context.thread_count = 1
        for number, picture in enumerate(pictures):
            picture.pts, picture.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return file


def psnr_db(pictures: list[av.VideoFrame], file: io.BytesIO) -> float:
    """Peak signal to noise of the luma, over all frames."""
    file.seek(0)
    errors = []
    with av.open(file) as container:
        for before, after in zip(pictures, container.decode(video=0), strict=True):
            difference = plane_view(before, 0).astype(np.float32) - plane_view(after, 0)
            errors.append(float(np.mean(difference**2)))
    return float(10 * np.log10(255**2 / np.mean(errors)))


if __name__ == "__main__":
    main()

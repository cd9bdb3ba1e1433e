"""Encoders: which one a name stands for, and what is said where it does not work."""

from __future__ import annotations

import subprocess
import sys

import av
import pytest

from rtseg import RunOptions, Session
from rtseg.errors import OutputError
from rtseg.sinks.encoder import find_encoder


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "ffv1"])
def test_every_codec_plays_with_every_frame_at_its_time(tmp_path, codec):
    out = tmp_path / "o.mkv"
    options = RunOptions("synth://64x48@10?seconds=2", out=out, codec=codec, backend="simulated")
    with Session(options) as session:
        session.run()
    with av.open(str(out)) as film:
        assert film.streams.video[0].codec_context.codec.canonical_name == codec
        times = [float(picture.pts * picture.time_base) for picture in film.decode(video=0)]
    assert times == pytest.approx([index / 10 for index in range(20)], abs=0.001)


SHORT_RUN = """
import sys
from pathlib import Path
from rtseg import RunOptions, Session
drive = "synth://64x48@10?seconds=1"
with Session(RunOptions(drive, out=Path(sys.argv[1]), codec=sys.argv[2], backend="simulated")) as session:
    session.run()
"""


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_encoders_keep_quiet(tmp_path, codec):
    """What they print by themselves would stand in the middle of the progress bar."""
    command = [sys.executable, "-c", SHORT_RUN, str(tmp_path / "o.mkv"), codec]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_crf_is_the_quality(tmp_path):
    sizes = []
    for crf in (10, 40):
        out = tmp_path / f"{crf}.mp4"
        options = RunOptions("synth://160x120@10?seconds=1", out=out, crf=crf, backend="simulated")
        with Session(options) as session:
            session.run()
        sizes.append(out.stat().st_size)
    assert sizes[0] > 2 * sizes[1]


@pytest.mark.parametrize(
    ("name", "crf", "words"),
    [
        ("betamax", None, "no video encoder of this FFmpeg. It has: h264"),
        ("aac", None, "not video"),
        ("ffv1", 20.0, "has no crf"),
        ("h264", 99.0, "crf"),
    ],
)
def test_what_cannot_be_encoded_is_refused(name, crf, words):
    with pytest.raises(OutputError, match=words):
        find_encoder(name, crf, 64, 48)


def test_a_file_that_cannot_hold_the_codec_is_refused(tmp_path):
    options = RunOptions("synth://64x48@10", out=tmp_path / "o.mp4", codec="prores_ks", backend="simulated")
    with pytest.raises(OutputError, match=r"cannot hold prores.*\.mkv"):
        Session(options)
    assert list(tmp_path.iterdir()) == []

"""An environment for each peer, made once, in the user's cache."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to do the same.

    Attributes:
        title: what the table calls it.
        script: its file beside this one.
        requirements: what pip installs for it; the first is what the table gives the version of. Empty for
            the environment that rtseg itself is in.
        arguments: further arguments of the script.
        about: what it runs with, for the table.
    """

    title: str
    script: str
    requirements: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    about: str = ""


PEERS = {
    "rtseg": Peer("rtseg run", "rtseg_run.py", about="OpenVINO, x264"),
    "naive": Peer("naive.py", "naive_loop.py", about="OpenVINO, MPEG-4"),
    "model-api": Peer(
        "openvino-model-api", "model_api_async.py", ("openvino-model-api[onnx]",), ("1",),
        "AsyncPipeline, 1 stream, MPEG-4",
    ),
    "model-api-2": Peer(
        "openvino-model-api", "model_api_async.py", ("openvino-model-api[onnx]",), ("2",),
        "AsyncPipeline, 2 streams, MPEG-4",
    ),
    "vidgear": Peer(
        "vidgear", "vidgear_onnxruntime.py", ("vidgear[core]", "onnxruntime", "opencv-python-headless"),
        about="ONNX Runtime, x264 ultrafast",
    ),
    "supervision": Peer(
        "supervision", "supervision_video.py", ("supervision", "openvino", "opencv-python-headless"),
        about="process_video, OpenVINO, MPEG-4",
    ),
    "ultralytics": Peer(
        "ultralytics", "ultralytics_stream.py",
        ("ultralytics", "openvino", "nncf", "onnx"),
        about="yolo26n-sem 640×384 float32 on OpenVINO, random weights",
    ),
}  # fmt: skip


def python_of(peer: Peer) -> str:
    """The interpreter of its environment, which is made if it is not there; prints that it takes minutes."""
    if not peer.requirements:
        return sys.executable
    name = hashlib.sha256(" ".join(peer.requirements).encode()).hexdigest()[:12]
    folder = _cache() / f"{peer.requirements[0].partition('[')[0]}-{name}"
    python = folder / "bin" / "python"
    if not (folder / "made").exists():
        print(f"making an environment for {peer.title} …", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*command, *peer.requirements], check=True)
        (folder / "made").touch()
    return str(python)


def version_of(peer: Peer) -> str:
    """Its version, as installed."""
    name = peer.requirements[0].partition("[")[0] if peer.requirements else "rtseg"
    script = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
    done = subprocess.run([python_of(peer), "-c", script, name], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "rtseg" / "peers"

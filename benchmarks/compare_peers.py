"""rtseg beside others that make the same film, with the same network where they take it: a Markdown table.

python benchmarks/compare_peers.py CLIP [--size 1280x720] [--frames 300] [--rounds 3] [--peers rtseg,naive,…]

The clip is scaled and repeated first. Each peer runs in an environment of its own, which is made on first
use and takes minutes and gigabytes; all run in turn, medians are printed. Frames a second count from the
first frame to the closed file. "Slowest" is the time between two frames that one in a hundred exceeds. What
is kept is seen in what each makes of a film with sound and uneven timestamps. A peer that fails is named,
with its last line.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from peers.environments import HERE, PEERS, Peer, python_of, version_of
from peers.facts import facts_of, write_difficult
from throughput import write_clip

from rtseg.model import find_model
from rtseg.report import environment

MARK = {True: "yes", False: "no"}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip")
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default=",".join(PEERS))
    arguments = parser.parse_args()
    names = arguments.peers.split(",")
    model = find_model(None, "int8", ()).path
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip, difficult = folder / "in.mp4", folder / "difficult.mp4"
        width, height = map(int, arguments.size.split("x"))
        write_clip(arguments.clip, clip, width, height, arguments.frames)
        write_difficult(difficult)
        kept = {name: what_is_kept(PEERS[name], difficult, folder, model) for name in names}
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        for _ in range(arguments.rounds):
            for name in names:
                if isinstance(kept[name], dict):
                    rows[name].append(told_by(PEERS[name], clip, folder / "out.mp4", model))
    facts = environment()
    print(
        f"{arguments.size}, {arguments.frames} frames, {os.cpu_count()} cores of {facts['cpu']}, rtseg "
        f"{facts['rtseg']}, {model.parent.name} {model.stem}; median of {arguments.rounds} rounds.\n"
    )
    print_table(rows, kept)


def told_by(peer: Peer, clip: Path, out: Path, model: Path) -> dict[str, Any]:
    """Run a peer; what its marks say, or {"failed": its last line}."""
    out.unlink(missing_ok=True)
    command = [python_of(peer), "-m", f"peers.{Path(peer.script).stem}", str(clip), str(out), str(model)]
    done = subprocess.run(
        [*command, *peer.arguments], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
    )  # fmt: skip
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    if done.returncode or not lines:
        return {"failed": lines[-1] if lines else f"exit code {done.returncode}"}
    told: dict[str, Any] = json.loads(lines[-1])
    return told


def what_is_kept(peer: Peer, difficult: Path, folder: Path, model: Path) -> dict[str, Any] | str:
    """What it keeps of the difficult film, and its codec; or why it does not run."""
    out = folder / "kept.mp4"
    told = told_by(peer, difficult, out, model)
    if "failed" in told:
        return str(told["failed"])
    before, after = facts_of(difficult), facts_of(out)
    return {**before.kept_by(after), "codec": after.codec}


def print_table(rows: dict[str, list[dict[str, Any]]], kept: dict[str, dict[str, Any] | str]) -> None:
    """A line a peer; how many times as fast rtseg is."""
    ours = fps_of(rows["rtseg"]) if rows.get("rtseg") else None
    print(
        "| | with | fps | rtseg is | slowest, ms | all frames | their times | sound | codec |\n"
        "|---|---|---|---|---|---|---|---|---|"
    )
    for name, runs in rows.items():
        peer, what = PEERS[name], kept[name]
        title = f"{peer.title} {version_of(peer)}"
        if isinstance(what, str) or not runs or any("failed" in run for run in runs):
            reason = what if isinstance(what, str) else next(run["failed"] for run in runs if "failed" in run)
            print(f"| {title} | {peer.about} | failed: {reason} |")
            continue
        fps = fps_of(runs)
        times = f"{ours / fps:.2f} ×" if ours else ""
        slowest = statistics.median(run["gap_ms"]["p99"] for run in runs)
        marks = " | ".join(MARK[what[fact]] for fact in ("frames", "times", "sound"))
        print(f"| {title} | {peer.about} | {fps:.1f} | {times} | {slowest:.0f} | {marks} | {what['codec']} |")


def fps_of(runs: list[dict[str, Any]]) -> float:
    """The median of its rounds."""
    return statistics.median(float((run["frames"] - 1) / run["seconds"]) for run in runs)


if __name__ == "__main__":
    main()

"""Seconds a training step takes, first as it is, then with freed memory kept.

python benchmarks/train_step.py
"""

from __future__ import annotations

import statistics
import time

import torch

from rtseg.report import environment
from rtseg.training.loss import segmentation_loss
from rtseg.training.nets import build
from rtseg.training.train import keep_freed_memory

STEPS = 6


def main() -> None:
    """Time both; keeping cannot be undone in a process, so it comes last."""
    net = build("unet", "lite0", 11)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stubs
    print(f"{environment()['cpu']}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"as it is            {step_seconds(net):.2f} s a step")
    keep_freed_memory()
    print(f"freed memory kept   {step_seconds(net):.2f} s a step")


def step_seconds(net: torch.nn.Module) -> float:
    """Median over `STEPS` steps after one to warm up; batch and views as in the shipped recipe."""
    images = torch.randint(0, 256, (8, 3, 320, 416), dtype=torch.uint8).to(memory_format=torch.channels_last)
    labels = torch.randint(0, 12, (8, 320, 416), dtype=torch.uint8)
    seconds = []
    for _ in range(STEPS + 1):
        started = time.perf_counter()
        segmentation_loss(net(images), labels, torch.ones(11), 0.5).backward()  # type: ignore[no-untyped-call]  # torch's
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])


if __name__ == "__main__":
    main()

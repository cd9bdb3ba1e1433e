"""One small benchmark of two simulated backends, for all that look at its report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from rtseg.bench import bench as the_bench
from rtseg.bench import film
from rtseg.bench.bench import Bench
from rtseg.bench.request import Request
from rtseg.bench.results import report_of
from rtseg.tensorrt.cache import Terms

if TYPE_CHECKING:
    from collections.abc import Iterator

DRIVE = "synth://160x120@30?seconds=0.3"
ROUNDS = 2


@dataclass
class Done:
    """A benchmark that has run, the steps that it announced, and its report."""

    bench: Bench
    steps: list[str]
    report: dict[str, Any]


@pytest.fixture(scope="session")
def quickly() -> Iterator[None]:
    """Benchmarks of a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(the_bench, "ROUNDS", ROUNDS)
        patch.setattr(the_bench, "_LEAST_S", 0.2)
        patch.setattr(film, "LEAST_FRAMES", 30)
        yield


@pytest.fixture(scope="session")
def done(quickly: None) -> Done:  # noqa: ARG001 (it makes this quick)
    request = Request(DRIVE, backends=("simulated:2", "simulated:6"), seconds=1)
    bench, steps = Bench(request, Terms()), []
    bench.run(steps.append)
    return Done(bench, steps, report_of(bench))

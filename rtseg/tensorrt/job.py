"""What the building process is told, and what it tells."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtseg.tensorrt.options import BuildOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rtseg.metadata import Precision


@dataclass(frozen=True, slots=True)
class Job:
    """One build.

    Attributes:
        onnx: the model file, an absolute path.
        onnx_sha256: what it must hold.
        precision: of the model.
        plan: where the plan is to be written, an absolute path; not its final place.
        ordinal: number of the GPU.
        options: what is asked of the builder.
        timing_cache: the file of measured kernel times; None does without.
    """

    onnx: Path
    onnx_sha256: str
    precision: Precision
    plan: Path
    ordinal: int
    options: BuildOptions
    timing_cache: Path | None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Job:
        """Read what `to_json` gave."""
        cache = values["timing_cache"]
        return cls(
            onnx=Path(values["onnx"]),
            onnx_sha256=values["onnx_sha256"],
            precision=values["precision"],
            plan=Path(values["plan"]),
            ordinal=values["ordinal"],
            options=BuildOptions.from_json(values["options"]),
            timing_cache=None if cache is None else Path(cache),
        )

    def to_json(self) -> dict[str, Any]:
        """The job, ready for JSON."""
        cache = self.timing_cache
        return {
            "onnx": str(self.onnx),
            "onnx_sha256": self.onnx_sha256,
            "precision": self.precision,
            "plan": str(self.plan),
            "ordinal": self.ordinal,
            "options": self.options.to_json(),
            "timing_cache": None if cache is None else str(cache),
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a phase of the build is; phases nest.

    Attributes:
        phase: its name, TensorRT's own.
        depth: 0 for an outermost phase.
        done: steps that are done.
        total: steps that there are.
    """

    phase: str
    depth: int
    done: int
    total: int

    def to_json(self) -> dict[str, Any]:
        """The progress, ready for JSON."""
        return asdict(self)

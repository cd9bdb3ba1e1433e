"""Runtime: from a plan to an engine, or None with the reason in the logger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import device, streams
from .control import CONTROL
from .engine import Engine
from .plan import NoPlan, Plan
from .world import WORLD, Behaviour

if TYPE_CHECKING:
    from .device import Gpu

HERE = "IRuntime::deserializeCudaEngine: "


class Runtime(Behaviour):
    """Behaviour of `Runtime`; without a GPU there is none."""

    path = "Runtime"

    def __init__(self, logger: Any) -> None:
        super().__init__()
        self.logger = logger
        self.failed = device.gpu() is None
        if self.failed:
            WORLD.refuse(
                logger, "createInferRuntime: Error Code 6: CUDA initialization failure with error: 100"
            )
        self.engine_host_code_allowed = False
        self.DLA_core = -1
        self.max_threads = 1
        self.temporary_directory = ""
        self.tempfile_control_flags = 0

    @property
    def num_DLA_cores(self) -> int:  # noqa: N802
        return CONTROL.dla_cores

    def deserialize_cuda_engine(self, serialized_engine: memoryview) -> Engine | None:
        try:
            plan = Plan.from_bytes(bytes(serialized_engine))
            if CONTROL.fails("bad_plan"):
                raise NoPlan("a failure that the test asked for")
        except NoPlan as error:
            return WORLD.refuse(
                self.logger, f"{HERE}Error Code 1: Serialization (Serialization assertion {error})"
            )
        reason = self._version_objection(plan) or _gpu_objection(plan, device.gpu())
        if reason is not None:
            return WORLD.refuse(self.logger, HERE + reason)
        if plan.dla_core >= CONTROL.dla_cores:
            return WORLD.refuse(
                self.logger, f"{HERE}Error Code 4: API Usage Error (no DLA core {plan.dla_core})"
            )
        if CONTROL.fails("engine_memory"):
            return WORLD.refuse(
                self.logger, f"{HERE}Error Code 2: OutOfMemory (Requested size was 16777216 bytes.)"
            )
        if plan.gpu.name != device.gpu().name:
            WORLD.log(
                self.logger,
                "WARNING",
                "Using an engine plan file across different models of devices is not recommended and is "
                "likely to affect performance or even cause errors.",
            )
        if plan.dla_core not in (-1, self.DLA_core):
            streams.note_violation(
                f"a plan for DLA core {plan.dla_core} is loaded by a runtime of core {self.DLA_core}"
            )
        engine = Engine(plan, self)
        if engine.weights.error:
            return WORLD.refuse(self.logger, f"{HERE}CUDA error {engine.weights.error}")
        return engine

    def _version_objection(self, plan: Plan) -> str | None:
        ours = WORLD.surface.version
        if CONTROL.fails("wrong_version"):
            return _other_version("0.0.0", ours)
        newer = WORLD.number >= tuple(int(part) for part in plan.version.split(".") if part.isdigit())
        if plan.version != ours and not (plan.version_compatible and newer):
            return _other_version(plan.version, ours)
        if plan.version_compatible and not self.engine_host_code_allowed:
            return (
                "Error Code 3: API Usage Error (Version-compatible plans carry host code, which is not "
                "allowed: set engine_host_code_allowed if the plan can be trusted.)"
            )
        return None


def _other_version(theirs: str, ours: str) -> str:
    return (
        "Error Code 6: API Usage Error (The engine plan file is not compatible with this version of "
        f"TensorRT, expecting library version {theirs} got {ours}, please rebuild.)"
    )


def _gpu_objection(plan: Plan, ours: Gpu) -> str | None:
    """A plan loads on GPUs of its compute capability, on all from Ampere on if it was built for them."""
    fits = plan.gpu.capability == ours.capability
    if plan.hardware == "AMPERE_PLUS":
        fits = ours.capability >= (8, 0)
    if fits and not CONTROL.fails("wrong_gpu"):
        return None
    theirs, here = (".".join(map(str, capability)) for capability in (plan.gpu.capability, ours.capability))
    return (
        "Error Code 6: API Usage Error (The engine plan file is generated on an incompatible device, "
        f"expecting compute {theirs} got compute {here}, please rebuild.)"
    )

"""What is asked of the builder, and what a version of TensorRT can do of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from rtseg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rtseg.cuda.device import Gpu
    from rtseg.metadata import Precision

PREFERRED_PRECISIONS: tuple[Precision, ...] = ("fp16", "int8", "fp32")
"""Best first: INT8 is often slower than FP16 on networks as small as ours, `rtseg bench` tells."""

OPTIMIZATION_LEVELS = range(6)
_AMPERE = (8, 0)


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What a plan depends on besides its model, its GPU and TensorRT; None leaves it to TensorRT.

    Attributes:
        workspace_mib: scratch memory that a layer may have, MiB.
        optimization_level: 0 … 5, how long kernels are searched for; TensorRT's default is 3.
        version_compatible: also to be loaded by later versions of TensorRT; larger, and may be slower.
        hardware_compatible: also to be loaded on any GPU of compute capability 8.0 and above; may be slower.
        dla_core: the DLA core on which all layers run that can, the others on the GPU.
        describes_layers: the plan tells what each of its layers is (ProfilingVerbosity.DETAILED); larger.
    """

    workspace_mib: int | None = None
    optimization_level: int | None = None
    version_compatible: bool = False
    hardware_compatible: bool = False
    dla_core: int | None = None
    describes_layers: bool = False

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> BuildOptions:
        """Read what `to_json` gave; options that are not there have their default.

        Raises:
            TypeError: there is an option that this version of rtseg does not know.
        """
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """The options that differ from the default, ready for JSON."""
        return {name: value for name, value in asdict(self).items() if value != _DEFAULTS[name]}

    def check(self, tensorrt: str, gpu: Gpu, precision: Precision) -> None:
        """Refuse what cannot be had, so that nothing that was asked for is left out without a word.

        Args:
            tensorrt: its version, as it states it.
            gpu: what is built for.
            precision: of the model.

        Raises:
            InputError: an option is out of its range, or this TensorRT or GPU does not have it.
        """
        self._check_ranges()
        if parts(tensorrt) < (8, 6):
            for option, is_given in (
                ("--optimization-level", self.optimization_level is not None),
                ("--version-compatible", self.version_compatible),
                ("--hardware-compatible", self.hardware_compatible),
            ):
                if is_given:
                    raise InputError(f"{option} needs TensorRT 8.6 or newer; here is {tensorrt}.")
        if self.hardware_compatible and gpu.is_integrated:
            raise InputError(f"--hardware-compatible: TensorRT does not have it on Jetson ({gpu.name}).")
        if self.hardware_compatible and gpu.compute_capability < _AMPERE:
            found = ".".join(map(str, gpu.compute_capability))
            raise InputError(f"--hardware-compatible needs compute capability 8.0; {gpu.name} has {found}.")
        if self.dla_core is not None and self.hardware_compatible:
            raise InputError(
                "--dla and --hardware-compatible exclude each other: a DLA's code fits that DLA only."
            )
        if self.dla_core is not None and precision == "fp32":
            raise InputError("--dla: a DLA computes in FP16 and INT8 only. Give --precision fp16 or int8.")

    def _check_ranges(self) -> None:
        if self.workspace_mib is not None and self.workspace_mib < 1:
            raise InputError(f"--workspace {self.workspace_mib}: at least 1 MiB is needed.")
        if self.optimization_level is not None and self.optimization_level not in OPTIMIZATION_LEVELS:
            raise InputError(f"--optimization-level {self.optimization_level}: levels are 0 to 5.")
        if self.dla_core is not None and self.dla_core < 0:
            raise InputError(f"--dla {self.dla_core}: cores are numbered from 0.")


_DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(BuildOptions)}


def parts(version: str) -> tuple[int, ...]:
    """The numbers of a version, to be compared: (10, 13, 3, 9) for "10.13.3.9.post1"."""
    numbers: list[int] = []
    for part in version.split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return tuple(numbers)

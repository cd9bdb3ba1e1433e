"""What a plan is built for: it fits nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtseg.runtimes import load_tensorrt
from rtseg.tensorrt.options import BuildOptions, parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rtseg.cuda.device import Gpu
    from rtseg.model import Model

RECIPE = 2
"""Counts up when this package builds otherwise from the same model and options."""


@dataclass(frozen=True, slots=True)
class Key:
    """All that decides what a plan holds and where it runs.

    Attributes:
        tensorrt: version, as TensorRT states it.
        compute_capability: of the GPU, "8.7".
        device: the GPU's name.
        onnx_sha256: of the model file.
        options: what was asked of the builder.
        recipe: see `RECIPE`.
    """

    tensorrt: str
    compute_capability: str
    device: str
    onnx_sha256: str
    options: BuildOptions
    recipe: int = RECIPE

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Key:
        """Read what `to_json` gave.

        Raises:
            KeyError, TypeError: it is something else.
        """
        names = ("tensorrt", "compute_capability", "device", "onnx_sha256")
        texts = {name: str(values[name]) for name in names}
        return cls(**texts, options=BuildOptions.from_json(values["options"]), recipe=int(values["recipe"]))

    def to_json(self) -> dict[str, Any]:
        """The key, ready for JSON."""
        return {
            "tensorrt": self.tensorrt,
            "compute_capability": self.compute_capability,
            "device": self.device,
            "onnx_sha256": self.onnx_sha256,
            "options": self.options.to_json(),
            "recipe": self.recipe,
        }

    def misfits(self, wanted: Key) -> list[str]:
        """In which parts a plan with this key does not fit what is wanted, in words; empty if it fits."""
        words = []
        if not self._has_version_for(wanted):
            words.append(f"it was built with TensorRT {self.tensorrt}, here is {wanted.tensorrt}")
        if not self._has_hardware_for(wanted):
            words.append(f"it was built for {self._gpu()}, here is {wanted._gpu()}")
        if self.onnx_sha256 != wanted.onnx_sha256:
            words.append("the model file has changed")
        if self.options != wanted.options:
            words.append(f"it was built with {_words(self.options)}, not {_words(wanted.options)}")
        if self.recipe != wanted.recipe:
            words.append("another rtseg built it")
        return words

    def _has_version_for(self, wanted: Key) -> bool:
        """Whether it loads; a version-compatible plan does so in its own version and later ones."""
        if self.options.version_compatible:
            return parts(self.tensorrt) <= parts(wanted.tensorrt)
        return self.tensorrt == wanted.tensorrt

    def _has_hardware_for(self, wanted: Key) -> bool:
        if self.options.hardware_compatible:
            return float(wanted.compute_capability) >= 8.0
        return (self.compute_capability, self.device) == (wanted.compute_capability, wanted.device)

    def _gpu(self) -> str:
        return f"{self.device} ({self.compute_capability})"


def key_for(model: Model, gpu: Gpu, options: BuildOptions) -> Key:
    """The key of a plan of `model` on this machine.

    Raises:
        InputError: this TensorRT or GPU cannot do what the options ask for.
        MissingDependencyError: TensorRT is not installed.
    """
    version: str = load_tensorrt().__version__
    options.check(version, gpu, model.precision)
    major, minor = gpu.compute_capability
    return Key(version, f"{major}.{minor}", gpu.name, model.sha256, options)


def _words(options: BuildOptions) -> str:
    given = options.to_json()
    return (
        ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in given.items()) or "default options"
    )

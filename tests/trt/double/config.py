"""IBuilderConfig: flags, limits, the device type, and IOptimizationProfile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .control import CONTROL
from .timing import TimingCache
from .world import WORLD, Behaviour

if TYPE_CHECKING:
    from .builder import Builder
    from .dims import Dims
    from .network import Layer

UNLIMITED = 1 << 40

ON_DLA = {"Conv", "Relu", "Clip", "Add", "Concat", "MaxPool", "ConvTranspose"}
"""Operators that a DLA takes; a small part of what it can, enough to need the GPU for the rest."""


class BuilderConfig(Behaviour):
    """Behaviour of `IBuilderConfig`."""

    path = "IBuilderConfig"

    def __init__(self, builder: Builder) -> None:
        super().__init__()
        self.builder = builder
        self.reset()

    def reset(self) -> None:
        self.flags = 1 << int(WORLD.enum("BuilderFlag", "TF32"))
        self.limits: dict[str, int] = {}
        self.profiles: list[OptimizationProfile] = []
        self.cache: TimingCache | None = None
        self.device_types: dict[str, Any] = {}
        self._level = 3
        self.default_device_type = WORLD.enum("DeviceType", "GPU")
        self.DLA_core = -1
        self.engine_capability = WORLD.enum("EngineCapability", "STANDARD")
        self.profiling_verbosity = WORLD.enum("ProfilingVerbosity", "LAYER_NAMES_ONLY")
        self.hardware_compatibility_level = WORLD.enum("HardwareCompatibilityLevel", "NONE")
        self.runtime_platform = WORLD.enum("RuntimePlatform", "SAME_AS_BUILD")
        self.progress_monitor = None
        self.int8_calibrator = None
        self.algorithm_selector = None
        self.max_aux_streams = -1
        self.avg_timing_iterations = 1
        self.min_timing_iterations = 1
        self.profile_stream = 0
        self.plugins_to_serialize: list[str] = []
        self.quantization_flags = 0
        self.tactics = 0
        self.previews: set[Any] = set()
        self.max_num_tactics = -1
        self.tiling_optimization_level = WORLD.enum("TilingOptimizationLevel", "NONE")
        self.l2_limit_for_tiling = -1

    def has(self, flag: str) -> bool:
        """Whether the flag of this name is set, in this version."""
        member = WORLD.enum("BuilderFlag", flag)
        return member is not None and bool(self.flags >> int(member) & 1)

    def flag_names(self) -> list[str]:
        return sorted(name for name in WORLD.surface.classes["BuilderFlag"].members if self.has(name))

    def set_flag(self, flag: Any) -> None:
        self.flags |= 1 << int(flag)

    def clear_flag(self, flag: Any) -> None:
        self.flags &= ~(1 << int(flag))

    def get_flag(self, flag: Any) -> bool:
        return bool(self.flags >> int(flag) & 1)

    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
        if pool_size < 0:
            WORLD.refuse(self.builder.logger, "IBuilderConfig::setMemoryPoolLimit: a pool cannot be negative")
            return
        self.limits[pool.name] = pool_size

    def get_memory_pool_limit(self, pool: Any) -> int:
        return self.limits.get(pool.name, UNLIMITED if pool.name == "WORKSPACE" else 0)

    @property
    def workspace(self) -> int:
        return self.limits.get("WORKSPACE", UNLIMITED)

    @property
    def max_workspace_size(self) -> int:
        return self.workspace

    @max_workspace_size.setter
    def max_workspace_size(self, value: int) -> None:
        self.limits["WORKSPACE"] = value

    @property
    def builder_optimization_level(self) -> int:
        return self._level

    @builder_optimization_level.setter
    def builder_optimization_level(self, value: int) -> None:
        if not 0 <= value <= 5:
            WORLD.refuse(
                self.builder.logger,
                "IBuilderConfig::setBuilderOptimizationLevel: Error Code 3: API Usage Error "
                f"(Parameter check failed, condition: level >= 0 && level <= 5, got {value})",
            )
            return
        self._level = value

    @property
    def num_optimization_profiles(self) -> int:
        return len(self.profiles)

    def add_optimization_profile(self, profile: OptimizationProfile) -> int:
        self.profiles.append(profile)
        return len(self.profiles) - 1

    def create_timing_cache(self, serialized_timing_cache: memoryview) -> TimingCache | None:
        return TimingCache.read(bytes(serialized_timing_cache), self.builder.logger)

    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool:
        if not cache.fits() and not ignore_mismatch:
            WORLD.refuse(
                self.builder.logger,
                "IBuilderConfig::setTimingCache: Error Code 3: API Usage Error "
                f"(The timing cache was made on another device or version: {cache.origin})",
            )
            return False
        self.cache = cache
        return True

    def get_timing_cache(self) -> TimingCache | None:
        return self.cache

    def can_run_on_DLA(self, layer: Layer) -> bool:  # noqa: N802
        return CONTROL.dla_cores > 0 and layer.node.op_type in ON_DLA

    def set_device_type(self, layer: Layer, device_type: Any) -> None:
        self.device_types[layer.name] = device_type

    def get_device_type(self, layer: Layer) -> Any:
        return self.device_types.get(layer.name, self.default_device_type)

    def is_device_type_set(self, layer: Layer) -> bool:
        return layer.name in self.device_types

    def reset_device_type(self, layer: Layer) -> None:
        self.device_types.pop(layer.name, None)

    def set_tactic_sources(self, tactic_sources: int) -> bool:
        self.tactics = tactic_sources
        return True

    def get_tactic_sources(self) -> int:
        return self.tactics

    def set_preview_feature(self, feature: Any, enable: bool) -> None:
        (self.previews.add if enable else self.previews.discard)(feature)

    def get_preview_feature(self, feature: Any) -> bool:
        return feature in self.previews


class OptimizationProfile(Behaviour):
    """Behaviour of `IOptimizationProfile`."""

    path = "IOptimizationProfile"

    def __init__(self) -> None:
        super().__init__()
        self.shapes: dict[str, list[Dims]] = {}
        self.extra_memory_target = 1.0

    def set_shape(self, input: str, min: Dims, opt: Dims, max: Dims) -> None:  # noqa: A002
        self.shapes[input] = [min, opt, max]

    def get_shape(self, input: str) -> list[Dims]:  # noqa: A002
        return self.shapes.get(input, [])

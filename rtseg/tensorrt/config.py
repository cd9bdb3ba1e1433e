"""The builder's configuration: what was asked for, and an error for what it does not take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtseg.errors import InputError, ModelError
from rtseg.tensorrt.logger import the_log
from rtseg.tensorrt.network import is_weakly_typed

if TYPE_CHECKING:
    from collections.abc import Callable

    import tensorrt as trt

    from rtseg.metadata import Precision
    from rtseg.tensorrt.options import BuildOptions
else:
    from rtseg.runtimes import load_tensorrt

    trt = load_tensorrt()

_MIB = 1 << 20


def config_for(
    builder: trt.Builder,
    network: trt.INetworkDefinition,
    precision: Precision,
    options: BuildOptions,
    warn: Callable[[str], None],
) -> trt.IBuilderConfig:
    """A configuration for building `network`, without timing cache and progress.

    Args:
        builder: the one that will build it.
        network: what is built.
        precision: of the model.
        options: what is asked of the builder.
        warn: told how much of the network goes to a DLA.

    Raises:
        InputError: there is no such DLA core.
        ModelError: the builder does not take the workspace limit.
    """
    config: trt.IBuilderConfig | None = builder.create_builder_config()
    if config is None:
        raise ModelError(f"TensorRT makes no configuration: {the_log().take_reason()}.")
    if is_weakly_typed():
        from rtseg.tensorrt.weakly_typed import allow_types

        allow_types(config, precision)
    if options.workspace_mib is not None:
        _limit_workspace(config, options.workspace_mib * _MIB)
    # `BuildOptions.check` has refused what this version or GPU lacks.
    if options.optimization_level is not None:
        config.builder_optimization_level = options.optimization_level
    if options.version_compatible:
        config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
    if options.hardware_compatible:
        config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.AMPERE_PLUS
    if options.describes_layers:
        config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    if options.dla_core is not None:
        _use_dla(builder, config, options.dla_core)
        _count_layers_on_dla(network, config, warn)
    return config


def _limit_workspace(config: trt.IBuilderConfig, size: int) -> None:
    """Setting it returns nothing, even where it is refused; so it is read back."""
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, size)
    if config.get_memory_pool_limit(trt.MemoryPoolType.WORKSPACE) != size:
        reason = the_log().take_reason()
        raise ModelError(f"--workspace {size // _MIB}: TensorRT does not take this limit: {reason}.")


def _use_dla(builder: trt.Builder, config: trt.IBuilderConfig, core: int) -> None:
    count = builder.num_DLA_cores
    if core >= count:
        has = f"{count} DLA cores, numbered from 0" if count else "no DLA"
        raise InputError(
            f"--dla {core}: TensorRT {trt.__version__} sees {has} here. "
            "Jetson Xavier and Orin (not Orin Nano) have DLAs; some versions of TensorRT cannot use them."
        )
    config.default_device_type = trt.DeviceType.DLA
    config.DLA_core = core
    config.set_flag(trt.BuilderFlag.GPU_FALLBACK)


def _count_layers_on_dla(
    network: trt.INetworkDefinition, config: trt.IBuilderConfig, warn: Callable[[str], None]
) -> None:
    """Say what would otherwise go unseen: layers that a DLA cannot run fall back to the GPU."""
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    able = sum(config.can_run_on_DLA(layer) for layer in layers)
    if not able:
        raise ModelError("--dla: not one layer of this model can run on the DLA. Leave it out.")
    warn(f"--dla: {able} of {len(layers)} layers can run on the DLA, the others run on the GPU")

"""Builder: from a network to a plan, with the rules that a config must keep."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from . import device, streams
from .config import ON_DLA, BuilderConfig, OptimizationProfile
from .control import CONTROL
from .memory import HostMemory
from .network import Network
from .plan import Plan
from .world import WORLD, Behaviour

if TYPE_CHECKING:
    from collections.abc import Iterator


NO_WEIGHTS = "the parser, which owns the weights, was dropped before the build"
"""The real one crashes, or builds rubbish."""


class Builder(Behaviour):
    """Behaviour of `Builder`; without a GPU there is none, as in the real one."""

    path = "Builder"

    def __init__(self, logger: Any) -> None:
        super().__init__()
        self.logger = logger
        self.failed = device.gpu() is None
        if self.failed:
            WORLD.refuse(
                logger, "createInferBuilder: Error Code 6: CUDA initialization failure with error: 100"
            )
        self.max_threads = 4
        self.max_batch_size = 1

    @property
    def num_DLA_cores(self) -> int:  # noqa: N802
        return CONTROL.dla_cores

    @property
    def max_DLA_batch_size(self) -> int:  # noqa: N802
        return 4096

    @property
    def platform_has_fast_fp16(self) -> bool:
        return device.gpu().capability >= (5, 3)

    @property
    def platform_has_fast_int8(self) -> bool:
        return device.gpu().capability >= (6, 1)

    @property
    def platform_has_tf32(self) -> bool:
        return device.gpu().capability >= (8, 0)

    def create_network(self, flags: int) -> Network | None:
        known = WORLD.surface.classes["NetworkDefinitionCreationFlag"].members or {}
        if flags & ~sum(1 << bit for bit in set(known.values())):
            WORLD.refuse(
                self.logger, f"IBuilder::createNetworkV2: Error Code 3: API Usage Error (flags {flags:#x})"
            )
            return None
        return Network(self, flags)

    def create_builder_config(self) -> BuilderConfig:
        return BuilderConfig(self)

    def create_optimization_profile(self) -> OptimizationProfile:
        return OptimizationProfile()

    def is_network_supported(self, network: Network, config: BuilderConfig) -> bool:
        return self._objection(network, config) is None

    def reset(self) -> None:
        """Nothing is kept between builds."""

    def build_serialized_network(self, network: Network, config: BuilderConfig) -> HostMemory | None:
        objection = self._objection(network, config)
        if network.parser_is_gone:
            streams.note_violation(NO_WEIGHTS)
            objection = f"Error Code 4: Internal Error ({NO_WEIGHTS})"
        if objection is not None:
            return WORLD.refuse(self.logger, f"IBuilder::buildSerializedNetwork: {objection}")
        if not self._build(network, config):
            WORLD.log(self.logger, "INFO", "Build was cancelled by the progress monitor.")
            return None
        if CONTROL.fails("build_memory"):
            return WORLD.refuse(
                self.logger,
                "IBuilder::buildSerializedNetwork: Error Code 2: OutOfMemory "
                "(Requested size was 4294967296 bytes.)",
            )
        return HostMemory(self._plan(network, config).to_bytes())

    def _plan(self, network: Network, config: BuilderConfig) -> Plan:
        on_dla = config.default_device_type.name == "DLA"
        options = {
            "optimization_level": config.builder_optimization_level,
            "workspace": config.workspace,
            "max_aux_streams": config.max_aux_streams,
        }
        return Plan(
            version=WORLD.surface.version,
            gpu=device.gpu(),
            flags=config.flag_names(),
            hardware=config.hardware_compatibility_level.name,
            verbosity=config.profiling_verbosity.name,
            strongly_typed=network.strongly_typed,
            dla_core=config.DLA_core if on_dla else -1,
            options=options,
            onnx=network.graph.content,
        )

    def _objection(self, network: Network, config: BuilderConfig) -> str | None:
        """The first rule that is broken, in the words of an error."""
        return next(iter(_objections(self, network, config)), None)

    def _build(self, network: Network, config: BuilderConfig) -> bool:
        """Go through the phases in a thread of TensorRT's own; False if the monitor cancelled.

        A signal that comes meanwhile is dealt with when the build is over, as if this were C++.
        """
        result: list[bool] = []
        worker = threading.Thread(
            target=lambda: result.append(_phases(network, config)), name="trt-double-build"
        )
        worker.start()
        interrupt = None
        while worker.is_alive():
            try:
                worker.join(0.05)
            except KeyboardInterrupt as error:
                interrupt = error
        if interrupt is not None:
            raise interrupt
        return result == [True]


def _objections(builder: Builder, network: Network, config: BuilderConfig) -> Iterator[str]:
    if network.graph is None or not network.outputs:
        yield "Error Code 4: API Usage Error (Network must have at least one output)"
        return
    weak = [name for name in ("FP16", "BF16", "INT8", "FP8", "INT4") if config.has(name)]
    if network.strongly_typed and weak:
        yield (
            "Error Code 9: API Usage Error (Target precisions cannot be specified in strongly typed mode, "
            f"but the builder flags {', '.join(weak)} are set.)"
        )
    if not network.strongly_typed and network.graph.is_quantized and not config.has("INT8"):
        yield "Error Code 4: Internal Error (Network has Q/DQ layers, but the builder flag INT8 is not set.)"
    if any(-1 in value.shape for value in network.graph.inputs) and not config.profiles:
        yield (
            "Error Code 4: API Usage Error "
            "(Network has dynamic or shape inputs, but no optimization profile has been defined.)"
        )
    yield from _dla_objections(builder, network, config)
    if CONTROL.workspace_needed > config.workspace:
        name = network.graph.layer_names()[0]
        yield (
            f"Error Code 10: Internal Error (Could not find any implementation for node {name}. "
            f"The workspace limit of {config.workspace} bytes is too small.)"
        )


def _dla_objections(builder: Builder, network: Network, config: BuilderConfig) -> Iterator[str]:
    if config.default_device_type.name != "DLA":
        return
    if not 0 <= config.DLA_core < builder.num_DLA_cores:
        count = builder.num_DLA_cores
        yield f"Error Code 4: API Usage Error (DLA core {config.DLA_core}: the device has {count})"
    if not network.strongly_typed and not (config.has("FP16") or config.has("INT8")):
        yield "Error Code 4: API Usage Error (DLA supports only FP16 and INT8 precision types.)"
    if not config.has("GPU_FALLBACK"):
        for name, node in zip(network.graph.layer_names(), network.graph.nodes, strict=True):
            if node.op_type not in ON_DLA:
                yield (
                    f"Error Code 4: API Usage Error (Layer {name} is not supported on DLA, "
                    "but GPU fallback is not enabled.)"
                )


def _phases(network: Network, config: BuilderConfig) -> bool:
    layers = network.graph.layer_names()
    monitor = _Monitor(config.progress_monitor)
    begun = time.monotonic()
    outer = "Building engine from subgraph"
    monitor.start(outer, None, 3)
    going = _phase(monitor, "Computing profile costs", outer, layers, None)
    going = going and monitor.step(outer, 0)
    going = going and _phase(monitor, "Timing graph nodes", outer, layers, config.cache)
    going = going and monitor.step(outer, 1)
    while going and time.monotonic() - begun < CONTROL.build_seconds:
        time.sleep(0.02)
        going = monitor.step(outer, 1)
    going = going and monitor.step(outer, 2)
    monitor.finish(outer)
    return going


def _phase(monitor: _Monitor, name: str, parent: str, layers: list[str], cache: Any) -> bool:
    monitor.start(name, parent, len(layers))
    going = True
    for step, layer in enumerate(layers):
        if cache is not None:
            cache.entries.setdefault(layer, 0.01)
        going = going and monitor.step(name, step)
    monitor.finish(name)
    return going


class _Monitor:
    """The user's progress monitor, called as the bindings call it: what it raises is printed and swallowed.

    A step that raises counts as cancelled, as the bindings have False in the place of its answer.
    """

    def __init__(self, user: Any) -> None:
        self.user = user

    def start(self, name: str, parent: str | None, steps: int) -> None:
        self._call("phase_start", name, parent, steps)

    def step(self, name: str, number: int) -> bool:
        return self.user is None or bool(self._call("step_complete", name, number))

    def finish(self, name: str) -> None:
        self._call("phase_finish", name)

    def _call(self, method: str, *arguments: Any) -> Any:
        if self.user is None:
            return None
        try:
            return getattr(self.user, method)(*arguments)
        except BaseException as error:
            print(f"[ERROR] Exception caught in {method}(): {error}", file=sys.stderr)
            return False

"""A plan from an ONNX file: what the building process does."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from rtseg.errors import Interrupted, ModelError
from rtseg.tensorrt.config import config_for
from rtseg.tensorrt.logger import the_log
from rtseg.tensorrt.network import builder_here, is_weakly_typed, network_from_onnx
from rtseg.tensorrt.timing import keep_timing_cache, use_timing_cache

if TYPE_CHECKING:
    from collections.abc import Callable

    import tensorrt as trt

    from rtseg.tensorrt.job import Job, Progress
else:
    from rtseg.runtimes import load_tensorrt

    trt = load_tensorrt()


def plan_from_onnx(
    job: Job,
    report: Callable[[Progress], None],
    warn: Callable[[str], None],
    is_cancelled: Callable[[], bool],
) -> trt.IHostMemory:
    """Build the plan that `job` asks for, on the GPU that is current in this thread; takes minutes.

    Args:
        job: what to build.
        report: told of progress, from threads of TensorRT; never with TensorRT 8.
        warn: told of what is not as it was asked for.
        is_cancelled: asked now and then, with TensorRT 10 and newer.

    Returns:
        The plan's bytes, TensorRT's own memory; they live as long as the object.

    Raises:
        ModelError: TensorRT cannot build this file like this, with what it said.
        InputError: an option asks for something that is not here.
        DeviceError: TensorRT cannot use the GPU.
        Interrupted: `is_cancelled` said so.
    """
    content = _content(job)
    builder = builder_here()
    network, parser = network_from_onnx(builder, job.onnx, content)
    config = config_for(builder, network, job.precision, job.options, warn)
    if job.timing_cache is not None:
        use_timing_cache(config, job.timing_cache, warn)
    monitor = None
    if not is_weakly_typed():
        from rtseg.tensorrt.progress import Monitor, watch

        monitor = Monitor(report, is_cancelled)
        watch(config, monitor)
    plan: trt.IHostMemory | None = builder.build_serialized_network(network, config)
    if is_cancelled():
        raise Interrupted("the build was interrupted; nothing is left of it")
    if plan is None:
        raise ModelError(f"{job.onnx}: TensorRT {trt.__version__} cannot build it: {_reason(job)}")
    if job.timing_cache is not None:
        keep_timing_cache(config, job.timing_cache, warn)
    for warning in the_log().take_warnings():
        warn(warning)
    del parser, monitor  # both had to live until here
    return plan


def _content(job: Job) -> bytes:
    """The model file, which must be the one that the plan will be known by."""
    try:
        content = job.onnx.read_bytes()
    except OSError as error:
        raise ModelError(f"{job.onnx}: cannot be read: {error.strerror}.") from error
    if hashlib.sha256(content).hexdigest() != job.onnx_sha256:
        raise ModelError(f"{job.onnx}: has changed since it was looked at. Try again.")
    return content


def _reason(job: Job) -> str:
    reason = the_log().take_reason().rstrip(".") + "."
    limit = job.options.workspace_mib
    if limit is not None and "Could not find any implementation" in reason:
        return f"{reason}\nKernels may want more memory: give more than --workspace {limit}, or leave it out."
    if "OutOfMemory" in reason or "out of memory" in reason.lower():
        return f"{reason}\nThe GPU's memory is full. Close other programs, or give a smaller --workspace."
    return reason

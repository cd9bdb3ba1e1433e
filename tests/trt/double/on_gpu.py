"""Executions on a real driver's GPU: torch computes, node by node, nothing fused.

So streams, graphs, copies beside the computing and threads are all the driver's own; only what TensorRT
would make of the model is missing, and times are torch's. Not with Python in a stream's callbacks: pycuda
holds the interpreter's lock while it allocates, which may wait for the stream, and that for the lock.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine import Engine
    from .execution import Execution


class Tensor:
    """Device memory, in the words that torch takes it over by."""

    def __init__(self, address: int, shape: tuple[int, ...]) -> None:
        self.__cuda_array_interface__ = {
            "data": (address, False), "shape": shape, "typestr": "|u1", "version": 2
        }  # fmt: skip


def network_of(engine: Engine) -> Any:
    """The engine's model as a function of torch's tensors on the GPU."""
    import torch

    from rtseg.backends import torch_ops
    from rtseg.backends.torch_graph import TorchGraph

    torch.backends.cudnn.allow_tf32 = False
    if not hasattr(torch_ops, "on_the_host"):
        torch_ops.on_the_host = torch_ops._nearest
        places: dict[Any, Any] = {}

        def nearest(length: int, wanted: int, centres: str, attributes: Any) -> Any:
            key = length, wanted, centres, attributes.get("nearest_mode")
            if key not in places:
                places[key] = torch_ops.on_the_host(length, wanted, centres, attributes).cuda()
            return places[key]

        torch_ops._nearest = nearest
    network = TorchGraph(engine.graph.model.graph, Path("plan"))
    constants = network._constants
    for name, tensor in constants.items():
        is_shape = tensor.dtype == torch.int64  # which the host has to know
        constants[name] = tensor if is_shape else tensor.cuda()
    return network


def enqueue(execution: Execution) -> int:
    """Queue `execution` on its stream; the CUDA error if that cannot be done, else 0."""
    import torch

    context, engine = execution.context, execution.context.engine
    begun = time.perf_counter()
    try:
        engine.network = engine.network or network_of(engine)
        stream = torch.cuda.ExternalStream(execution.stream)
        with torch.inference_mode(), torch.cuda.stream(stream):
            (image,), (labels,) = (
                [_tensor(execution, value.name) for value in values]
                for values in (engine.graph.inputs, engine.graph.outputs)
            )
            labels.copy_(engine.network(image))
        if context.profiler is not None and not execution.is_captured:
            stream.synchronize()
    except RuntimeError as error:
        print(f"the double of TensorRT: {str(error).splitlines()[0]}")
        return 999
    finally:
        context.end(execution, time.perf_counter() - begun)
        execution.done.set()
    return 0


def _tensor(execution: Execution, name: str) -> Any:
    import torch

    shape = execution.context.get_tensor_shape(name).values
    return torch.as_tensor(Tensor(execution.addresses[name], tuple(shape)), device="cuda")

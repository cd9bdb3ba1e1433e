"""INetworkDefinition, and its tensors and layers: what the parser found in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .dims import Dims
from .world import WORLD, Behaviour

if TYPE_CHECKING:
    from .builder import Builder
    from .graph import Graph, Value


class Network(Behaviour):
    """Behaviour of `INetworkDefinition`."""

    path = "INetworkDefinition"

    def __init__(self, builder: Builder, flags: int) -> None:
        super().__init__()
        self.builder = builder
        self.flags = flags
        self.name = "Unnamed Network 0"
        self.graph: Graph | None = None
        self.parser_is_gone = False
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []

    def fill(self, graph: Graph) -> None:
        """Take what the parser read."""
        self.graph = graph
        self.name = graph.model.graph.name or self.name
        self.inputs = [Tensor(value, self, is_input=True) for value in graph.inputs]
        self.outputs = [Tensor(value, self, is_input=False) for value in graph.outputs]

    @property
    def strongly_typed(self) -> bool:
        return WORLD.number >= (11,) or self.has("STRONGLY_TYPED")

    def has(self, flag: str) -> bool:
        """Whether it was created with this flag, by the number that the flag has in this version."""
        member = WORLD.enum("NetworkDefinitionCreationFlag", flag)
        return member is not None and bool(self.flags >> int(member) & 1)

    @property
    def has_implicit_batch_dimension(self) -> bool:
        return WORLD.number < (10,) and not self.has("EXPLICIT_BATCH")

    def get_flag(self, flag: Any) -> bool:
        return bool(self.flags >> int(flag) & 1)

    @property
    def num_inputs(self) -> int:
        return len(self.inputs)

    @property
    def num_outputs(self) -> int:
        return len(self.outputs)

    @property
    def num_layers(self) -> int:
        return len(self.graph.nodes) if self.graph else 0

    def get_input(self, index: int) -> Tensor | None:
        return self.inputs[index] if 0 <= index < len(self.inputs) else None

    def get_output(self, index: int) -> Tensor | None:
        return self.outputs[index] if 0 <= index < len(self.outputs) else None

    def get_layer(self, index: int) -> Layer | None:
        return Layer(self, index) if 0 <= index < self.num_layers else None

    def __len__(self) -> int:
        return self.num_layers

    def __getitem__(self, index: int) -> Layer:
        if not -len(self) <= index < len(self):
            raise IndexError
        return Layer(self, index % len(self))


class Tensor(Behaviour):
    """Behaviour of `ITensor`, for the network's inputs and outputs."""

    path = "ITensor"

    def __init__(self, value: Value, network: Network, *, is_input: bool) -> None:
        super().__init__()
        self.network = network
        self.name = value.name
        self.shape = Dims(value.shape)
        self._dtype = WORLD.enum("DataType", value.trt_type)
        self.is_network_input = is_input
        self.is_network_output = not is_input
        self.is_shape_tensor = False
        self.is_execution_tensor = True
        self.location = WORLD.enum("TensorLocation", "DEVICE")
        self.allowed_formats = 1 << int(WORLD.enum("TensorFormat", "LINEAR"))

    @property
    def dtype(self) -> Any:
        return self._dtype

    @dtype.setter
    def dtype(self, value: Any) -> None:
        if self.network.strongly_typed:
            WORLD.refuse(
                self.network.builder.logger,
                "ITensor::setType: Error Code 3: API Usage Error (Parameter check failed, "
                "condition: !mNetwork->isStronglyTyped())",
            )
            return
        self._dtype = value


class Layer(Behaviour):
    """Behaviour of `ILayer`: a node of the file."""

    path = "ILayer"

    def __init__(self, network: Network, index: int) -> None:
        super().__init__()
        self.network = network
        self.node = network.graph.nodes[index]
        self.name = network.graph.layer_names()[index]
        self.metadata = f"[ONNX Layer: {self.name}]"

    @property
    def type(self) -> Any:
        return WORLD.enum("LayerType", LAYER_TYPES.get(self.node.op_type, "ELEMENTWISE"))

    @property
    def num_inputs(self) -> int:
        return len(self.node.input)

    @property
    def num_outputs(self) -> int:
        return len(self.node.output)


LAYER_TYPES = {
    "Conv": "CONVOLUTION",
    "Relu": "ACTIVATION",
    "Clip": "ACTIVATION",
    "Resize": "RESIZE",
    "Concat": "CONCATENATION",
    "Cast": "CAST",
    "ArgMax": "TOPK",
    "ReduceMax": "REDUCE",
    "ReduceMin": "REDUCE",
    "Where": "SELECT",
    "Transpose": "SHUFFLE",
    "Reshape": "SHUFFLE",
    "DepthToSpace": "SHUFFLE",
    "QuantizeLinear": "QUANTIZE",
    "DequantizeLinear": "DEQUANTIZE",
    "Identity": "IDENTITY",
    "Constant": "CONSTANT",
    "MaxPool": "POOLING",
    "ConvTranspose": "DECONVOLUTION",
}
"""TensorRT's layers for ONNX operators; the rest are elementwise here."""

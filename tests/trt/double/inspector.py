"""EngineInspector: layers, inputs and outputs as JSON, as detailed as the plan was built for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .world import WORLD, Behaviour

if TYPE_CHECKING:
    from .engine import Engine


class EngineInspector(Behaviour):
    """Behaviour of `EngineInspector`."""

    path = "EngineInspector"

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self.execution_context = None

    def get_engine_information(self, format: Any) -> str:  # noqa: A002
        layers = [self._layer(index) for index in range(self.engine.num_layers)]
        # The second key was renamed in 11.
        borders = "I/O Tensors" if WORLD.number >= (11,) else "Bindings"
        if format.name == "ONELINE":
            return "\n".join(str(layer) for layer in layers)
        return json.dumps({"Layers": layers, borders: list(self.engine.values)})

    def get_layer_information(self, layer_index: int, format: Any) -> str:  # noqa: A002
        if not 0 <= layer_index < self.engine.num_layers:
            return ""
        layer = self._layer(layer_index)
        return str(layer) if format.name == "ONELINE" else json.dumps(layer)

    def _layer(self, index: int) -> Any:
        verbosity = self.engine.plan.verbosity
        name = self.engine.graph.layer_names()[index]
        if verbosity == "NONE":
            return ""
        if verbosity == "LAYER_NAMES_ONLY":
            return name
        node = self.engine.graph.nodes[index]
        types = self.engine.graph.types
        return {
            "Name": name,
            "LayerType": node.op_type,
            "Inputs": [_tensor(tensor, types) for tensor in node.input if tensor],
            "Outputs": [_tensor(tensor, types) for tensor in node.output],
            "TacticName": "",
            "StreamId": 0,
            "Metadata": f"[ONNX Layer: {name}]",
        }


def _tensor(name: str, types: dict[str, int]) -> dict[str, Any]:
    from onnx import TensorProto

    kind = TensorProto.DataType.Name(types[name]) if name in types else "UNDEFINED"
    return {"Name": name, "Location": "Device", "Dimensions": [], "Format/Datatype": kind}

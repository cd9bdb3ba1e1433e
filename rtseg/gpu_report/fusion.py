"""What TensorRT has made of a model's layers, read from EngineInspector's JSON.

The format is documented nowhere and differs between versions: "Bindings" became "I/O Tensors" in 11,
and what a layer tells depends on its kind. So what is missing is counted as not told, and raises nothing.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_ONNX_NODE = re.compile(r"\[ONNX Layer: ([^\]]*)\]")
_QDQ = re.compile(r"QuantizeLinear", re.IGNORECASE)
_TYPES = {
    "int8": "int8", "uint8": "uint8", "int32": "int32", "int64": "int64", "bool": "bool", "fp8": "fp8",
    "bf16": "bf16", "bfloat16": "bf16", "half": "fp16", "fp16": "fp16", "float16": "fp16",
    "float": "fp32", "fp32": "fp32", "float32": "fp32",
}  # fmt: skip
_TYPE = re.compile(rf"(?<![a-z0-9])({'|'.join(sorted(_TYPES, key=len, reverse=True))})(?![a-z0-9])")
_BORDERS = ("I/O Tensors", "Bindings")
NOT_TOLD = "not told"


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a plan.

    Attributes:
        name: TensorRT's; of fused nodes it often joins theirs with "+".
        kind: "CaskConvolution", "Reformat", … in TensorRT's words; "" where the plan tells names only.
        nodes: the ONNX nodes in it, as far as it says so.
        origin: for a Reformat what it is there for, such as "QDQ"; "" elsewhere.
        inputs: type of each input, or `NOT_TOLD`.
        outputs: likewise.
        weights: type of its weights and how many there are; None where it tells of none.
        has_weights_as_input: whether its weights come from another layer while it runs; None where it does
            not tell.
    """

    name: str
    kind: str = ""
    nodes: tuple[str, ...] = ()
    origin: str = ""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    weights: tuple[str, int] | None = None
    has_weights_as_input: bool | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The nodes in it, or what its name joins."""
        return self.nodes or tuple(part.strip() for part in self.name.split(" + "))

    @property
    def is_convolution(self) -> bool:
        """Whether it is one, or holds one."""
        if self.is_reformat:
            return False
        return "conv" in self.kind.lower() or any(_ends_in(part, "conv") for part in self.parts)

    @property
    def is_reformat(self) -> bool:
        """Whether it only changes a tensor's layout or type."""
        return self.kind == "Reformat" or "reformatting copynode" in self.name.lower()

    @property
    def is_qdq(self) -> bool:
        """Whether quantising or its reverse is left over as a layer of its own."""
        if self.origin.upper() == "QDQ" or "quantize" in self.kind.lower():
            return True
        return not self.is_convolution and all(_QDQ.search(part) for part in self.parts)

    @property
    def is_alone(self) -> bool:
        """Whether nothing else was fused into it, as far as its nodes or its name tell."""
        return sum(not _QDQ.search(part) for part in self.parts) <= 1


def layers_from_json(text: str) -> list[Layer]:
    """The layers in what `layers_as_json` gave; none where it cannot be understood."""
    try:
        entries = json.loads(text)["Layers"]
    except (ValueError, KeyError, TypeError):
        return []
    return [_layer(entry) for entry in entries if entry]


def borders_from_json(text: str) -> list[str]:
    """Names of what goes in and out, under the name of any version."""
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return next((list(map(str, found[name])) for name in _BORDERS if name in found), [])


def fusion(layers: Iterable[Layer]) -> dict[str, Any]:
    """What became of the model, ready for JSON."""
    found = list(layers)
    convolutions = [layer for layer in found if layer.is_convolution]
    return {
        "layers": len(found),
        "kinds": _counted(layer.kind or NOT_TOLD for layer in found),
        "output_types": _counted(_first(layer.outputs) for layer in found),
        "convolutions": {
            "count": len(convolutions),
            "input_types": _counted(_first(layer.inputs) for layer in convolutions),
            "weights": _weights(convolutions),
            "alone": [layer.name for layer in convolutions if layer.is_alone],
        },
        "reformats": [layer.name for layer in found if layer.is_reformat and not layer.is_qdq],
        "qdq_left": [layer.name for layer in found if layer.is_qdq],
        "casts_left": [layer.name for layer in found if _is_cast(layer)],
        "weight_casts_left": [layer.name for layer in found if _casts_weights(layer)],
    }


def weights_sentence(facts: dict[str, Any]) -> str:
    """Whether convolutions hold their weights, as they should: the parser was given them as constants."""
    weights, casts = facts["convolutions"]["weights"], facts["weight_casts_left"]
    if casts or weights["as_input"]:
        return (
            f"{len(casts)} layers convert weights in every run and {weights['as_input']} convolutions take "
            "theirs as an input, which costs time: they were constants for the parser"
        )
    if weights["inside"] == facts["convolutions"]["count"] and weights["inside"]:
        return "all convolutions hold their weights; no layer converts any"
    return "no layer converts weights; whether convolutions hold theirs is not told"


def _layer(entry: Any) -> Layer:  # noqa: ANN401  # whatever JSON holds
    if not isinstance(entry, dict):
        return Layer(str(entry))
    weights, dynamic = entry.get("Weights"), entry.get("HasDynamicFilter")
    return Layer(
        name=str(entry.get("Name", "")),
        kind=str(entry.get("LayerType", "")),
        nodes=tuple(dict.fromkeys(_ONNX_NODE.findall(str(entry.get("Metadata", ""))))),
        origin=str(entry.get("Origin", "")),
        inputs=_types(entry.get("Inputs")),
        outputs=_types(entry.get("Outputs")),
        weights=_weights_of(weights),
        has_weights_as_input=None if dynamic is None else bool(dynamic),
    )


def _types(tensors: Any) -> tuple[str, ...]:  # noqa: ANN401
    if not isinstance(tensors, list):
        return ()
    return tuple(_type(tensor) if isinstance(tensor, dict) else NOT_TOLD for tensor in tensors)


def _type(tensor: dict[str, Any]) -> str:
    """fp16 of "Half(64,1:8)", "Channel major FP16 format where …" and the like."""
    for key in ("Datatype", "Format/Datatype", "Format"):
        match = _TYPE.search(str(tensor.get(key, "")).lower())
        if match:
            return _TYPES[match[1]]
    return NOT_TOLD


def _weights_of(weights: Any) -> tuple[str, int] | None:  # noqa: ANN401
    if not isinstance(weights, dict):
        return None
    count = weights.get("Count")
    kind = str(weights.get("Type", "")).lower()
    return _TYPES.get(kind, kind), count if isinstance(count, int) else 0


def _weights(convolutions: list[Layer]) -> dict[str, Any]:
    as_input = [layer for layer in convolutions if layer.has_weights_as_input]
    inside = [layer for layer in convolutions if layer.weights is not None and layer.weights[1] > 0]
    held = [layer for layer in inside if not layer.has_weights_as_input]
    return {
        "inside": len(held),
        "as_input": len(as_input),
        "not_told": len(convolutions) - len(held) - len(as_input),
        "types": _counted(layer.weights[0] for layer in held if layer.weights is not None),
    }


def _is_cast(layer: Layer) -> bool:
    return "cast" in layer.kind.lower() or all(_ends_in(part, "cast") for part in layer.parts)


def _casts_weights(layer: Layer) -> bool:
    """Cast nodes of weights are called after them by `rtseg export`."""
    return not layer.is_convolution and any(part.endswith(".weight/Cast") for part in layer.parts)


def _ends_in(node: str, operator: str) -> bool:
    """Whether a node is called after its operator, as in "/encoder/stem/Conv_3"."""
    return node.lower().rpartition("/")[2].startswith(operator)


def _first(types: tuple[str, ...]) -> str:
    return types[0] if types else NOT_TOLD


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words).most_common())

"""Which nodes the parser of this version does not take: the project's own table of what is published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtseg.training import operators

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .graph import Graph

is_known = operators.is_known


def refusals(graph: Graph, version: tuple[int, ...]) -> list[tuple[int, str]]:
    """Index of each node that cannot be taken, 0 for the file as a whole, and why."""
    found = [(max(0, refusal.index), str(refusal)) for refusal in operators.refusals(graph.model, version)]
    return found + list(_changing_weights(graph))


def _changing_weights(graph: Graph) -> Iterator[tuple[int, str]]:
    """Convolutions whose weights are computed; strict, as newer parsers take them, for slower kernels."""
    constants = {tensor.name for tensor in graph.model.graph.initializer}
    constants |= {n.output[0] for n in graph.nodes if n.op_type in ("Constant", "DequantizeLinear")}
    for index, node in enumerate(graph.nodes):
        if node.op_type in ("Conv", "ConvTranspose") and node.input[1] not in constants:
            yield index, f"{node.name}: two inputs (data and weights) are allowed only with Q/DQ"

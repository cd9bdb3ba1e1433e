"""Which nodes the parser of this version does not take: the project's own table of what is published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtseg.training import operators

if TYPE_CHECKING:
    from .graph import Graph

is_known = operators.is_known


def refusals(graph: Graph, version: tuple[int, ...]) -> list[tuple[int, str]]:
    """Index of each node that cannot be taken, 0 for the file as a whole, and why."""
    return [(max(0, found.index), str(found)) for found in operators.refusals(graph.model, version)]

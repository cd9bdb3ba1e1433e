"""The plans: built anew, so that it is seen how long that takes and what TensorRT says meanwhile."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtseg import report
from rtseg.tensorrt.cache import fetch, order_for
from rtseg.tensorrt.options import BuildOptions

if TYPE_CHECKING:
    from rtseg.cuda.device import Gpu
    from rtseg.model import Model
    from rtseg.tensorrt.cache import Terms
    from rtseg.tensorrt.plan import Plan


def built(model: Model, gpu: Gpu, terms: Terms) -> Plan:
    """Build the plan that runs take, in its usual place, whatever is there; raises what `plan_for` does."""
    return fetch(order_for(model, gpu, BuildOptions()), replace(terms, force=True))


def describing(model: Model, gpu: Gpu, terms: Terms) -> Plan:
    """Build a plan that tells what its layers are; it is not kept. Raises what `plan_for` does.

    Its layers should be those of the plan that runs take, as the kernels' times come from the same cache.
    """
    with tempfile.TemporaryDirectory(prefix="rtseg-") as folder:
        order = order_for(
            model, gpu, BuildOptions(describes_layers=True), path=Path(folder) / "described.plan"
        )
        return fetch(order, replace(terms, force=True))


def plan_facts(model: Model, plan: Plan) -> dict[str, Any]:
    """How a build went, ready for JSON."""
    assert plan.record is not None
    return {
        "model": report.model_facts(model),
        "bytes": len(plan.content),
        "seconds": plan.record.seconds,
        "options": plan.record.key.options.to_json(),
        "warnings": list(plan.record.warnings),
    }

"""How the report has its plans built."""

from __future__ import annotations

from rtseg.gpu_report import plans
from rtseg.tensorrt.cache import Terms


def test_plans_are_built_whatever_is_there(monkeypatch):
    """Else neither how long it takes nor what TensorRT says of it would be seen."""
    asked = []

    def order_for(_model, _gpu, options, path=None):
        return {"options": options.to_json(), "path": path}

    monkeypatch.setattr(plans, "order_for", order_for)
    monkeypatch.setattr(plans, "fetch", lambda order, terms: asked.append((order, terms.force)))
    plans.built(None, None, Terms())
    plans.describing(None, None, Terms())
    (usual, is_forced), (described, is_forced_too) = asked
    assert is_forced
    assert is_forced_too
    assert usual == {"options": {}, "path": None}  # the very plan that runs take
    assert described["options"] == {"describes_layers": True}
    assert not described["path"].parent.exists()  # nothing is left of it

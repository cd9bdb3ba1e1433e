"""Where plans and timing caches are kept."""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import TYPE_CHECKING

from rtseg.storage.places import cache_folder
from rtseg.storage.trust import stranger_to_folder

if TYPE_CHECKING:
    from pathlib import Path

    from rtseg.model import Model
    from rtseg.tensorrt.key import Key


def plan_place(model: Model, key: Key) -> Path:
    """Where the plan of `model` is kept: beside it, or in this user's cache.

    Beside the model only if nobody but this user and root may write there, else the plan was not trusted.
    The name tells GPU, TensorRT and options; a plan of a changed model takes the place of the old one.

    Raises:
        OutputError: neither folder can be written to.
    """
    name = f"{model.path.stem}.{_slug(key.device)}.trt{key.tensorrt}{_tag(key)}.plan"
    beside = model.path.resolve().parent
    if os.access(beside, os.W_OK) and stranger_to_folder(beside) is None:
        return beside / name
    where = hashlib.sha256(str(beside).encode()).hexdigest()[:8]
    return cache_folder("plans", f"{_slug(model.name)}-{where}") / name


def timing_cache_place(key: Key) -> Path:
    """Where measured kernel times are kept: one file a GPU and version of TensorRT, for all models.

    Raises:
        OutputError: this user's cache cannot be written to.
    """
    return cache_folder("timing") / f"{_slug(key.device)}.trt{key.tensorrt}.timing"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower().removeprefix("nvidia ")).strip("-") or "unnamed"


def _tag(key: Key) -> str:
    """Six hexadecimal digits for options other than the default, so that both plans can stay."""
    given = key.options.to_json()
    if not given:
        return ""
    return "." + hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:6]

"""Where plans and timing caches are kept."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from rtseg.errors import OutputError
from rtseg.tensorrt.trust import stranger_to_folder

if TYPE_CHECKING:
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
    return _made(user_cache() / "plans" / f"{_slug(model.name)}-{where}") / name


def timing_cache_place(key: Key) -> Path:
    """Where measured kernel times are kept: one file a GPU and version of TensorRT, for all models.

    Raises:
        OutputError: this user's cache cannot be written to.
    """
    return _made(user_cache() / "timing") / f"{_slug(key.device)}.trt{key.tensorrt}.timing"


def kernels_folder() -> Path:
    """Where compiled kernels are kept, for all models and plans.

    Raises:
        OutputError: this user's cache cannot be written to.
    """
    return _made(user_cache() / "kernels")


def user_cache() -> Path:
    """Where rtseg keeps what can be made anew: $XDG_CACHE_HOME/rtseg or ~/.cache/rtseg; it need not exist."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "rtseg"


def _made(folder: Path) -> Path:
    try:
        for parent in reversed(
            (folder, *folder.parents)
        ):  # mkdir(parents=True) would give only the last its mode
            if not parent.is_dir():
                parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: there is no other place for the plan, and it cannot be made ({error.strerror}). "
            "Name one with --out or XDG_CACHE_HOME."
        ) from error
    return folder


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower().removeprefix("nvidia ")).strip("-") or "unnamed"


def _tag(key: Key) -> str:
    """Six hexadecimal digits for options other than the default, so that both plans can stay."""
    given = key.options.to_json()
    if not given:
        return ""
    return "." + hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:6]

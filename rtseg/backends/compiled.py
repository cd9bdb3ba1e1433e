"""Models as OpenVINO has compiled them, kept in this user's cache: loading one is a fifth of compiling it."""

from __future__ import annotations

import hashlib
import io
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rtseg.errors import OutputError
from rtseg.storage.files import publish, write_private
from rtseg.storage.places import cache_folder
from rtseg.storage.trust import stranger_to_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rtseg.model import Model

MOST_KEPT = 16
"""Those used last; a few megabytes each."""

Settings = dict[str, str | int]


def compiled_for_cpu(core: Any, version: str, model: Model, settings: Settings) -> Any:  # noqa: ANN401
    """The compiled model: loaded if it is kept and nobody else may have put it there, else compiled and kept.

    A cache that cannot be read or written costs time, nothing else.

    Args:
        core: `openvino.Core()`.
        version: of OpenVINO.
        model: which model.
        settings: how the CPU is to run it.

    Returns:
        `openvino.CompiledModel`.

    Raises:
        RuntimeError: OpenVINO's own; it does not take the file.
    """
    place = _place(core, version, model, settings) if _is_unchanged(model) else None
    kept = None if place is None else _loaded(core, place, settings)
    if kept is not None:
        return kept
    compiled = core.compile_model(core.read_model(model.path), "CPU", settings)
    if place is not None:
        with suppress(OSError):
            _keep(place, compiled.export_model().getvalue())
    return compiled


def _is_unchanged(model: Model) -> bool:
    """Whether the file is still what was read of it, which it is known by."""
    try:
        return hashlib.sha256(model.path.read_bytes()).hexdigest() == model.sha256
    except OSError:
        return False


def _place(core: Any, version: str, model: Model, settings: Mapping[str, str | int]) -> Path | None:  # noqa: ANN401
    """Where it is kept; None where it cannot be."""
    key = [version, core.get_property("CPU", "FULL_DEVICE_NAME"), model.sha256, sorted(settings.items())]
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:24]
    try:
        return cache_folder("openvino") / f"{name}.blob"
    except OutputError:
        return None


def _loaded(core: Any, place: Path, settings: Settings) -> Any:  # noqa: ANN401
    """What is kept; None if nothing is, it is not to be trusted, or OpenVINO does not take it."""
    try:
        if stranger_to_file(place) is not None:
            return None
        content = place.read_bytes()
        os.utime(place)
        return core.import_model(io.BytesIO(content), "CPU", settings)
    except (OSError, RuntimeError):
        return None


def _keep(place: Path, content: bytes) -> None:
    """Write it, whole or not at all, and drop those that were used longest ago."""
    partial = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        write_private(partial, content)
        publish(partial, place)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    used = sorted(place.parent.glob("*.blob"), key=lambda path: path.stat().st_mtime)
    for path in used[:-MOST_KEPT]:
        path.unlink(missing_ok=True)

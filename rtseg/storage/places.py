"""Where rtseg keeps what can be made anew."""

from __future__ import annotations

import os
from pathlib import Path

from rtseg.errors import OutputError


def user_cache() -> Path:
    """Where rtseg keeps what can be made anew: $XDG_CACHE_HOME/rtseg or ~/.cache/rtseg; it need not exist."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "rtseg"


def cache_folder(*names: str) -> Path:
    """A folder in this user's cache, made if it is not there, which nobody else may look into.

    Raises:
        OutputError: it cannot be made.
    """
    folder = user_cache().joinpath(*names)
    try:
        for parent in reversed(
            (folder, *folder.parents)
        ):  # mkdir(parents=True) would give only the last its mode
            if not parent.is_dir():
                parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be made ({error.strerror}). Name another place with XDG_CACHE_HOME."
        ) from error
    return folder

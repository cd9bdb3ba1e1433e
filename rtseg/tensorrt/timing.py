"""The timing cache: how fast each kernel was on this GPU, so that later builds need not measure it again."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from rtseg.storage.files import publish, write_private
from rtseg.storage.trust import stranger_to_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import tensorrt as trt
else:
    from rtseg.runtimes import load_tensorrt

    trt = load_tensorrt()


def use_timing_cache(config: trt.IBuilderConfig, path: Path, warn: Callable[[str], None]) -> None:
    """Have the builder use the cache at `path`, or begin one if there is none that it can use.

    A build without a cache is only slower, so nothing here is an error; `warn` is told.
    """
    for content in (_content(path, warn), b""):
        if content is None:
            continue
        cache: trt.ITimingCache | None = config.create_timing_cache(content)
        if cache is not None and config.set_timing_cache(cache, False):
            return
        if content:
            warn(f"the timing cache {path} is of another GPU or TensorRT, or damaged; it is begun anew")
    warn("TensorRT takes no timing cache; the build is slower")


def keep_timing_cache(config: trt.IBuilderConfig, path: Path, warn: Callable[[str], None]) -> None:
    """Write what was measured to `path`, whole or not at all."""
    cache: trt.ITimingCache | None = config.get_timing_cache()
    serialized = None if cache is None else cache.serialize()
    if serialized is None:
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write_private(partial, memoryview(serialized))
        publish(partial, path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        warn(f"the timing cache {path} cannot be written ({error.strerror})")


def _content(path: Path, warn: Callable[[str], None]) -> bytes | None:
    """What the cache holds; None if there is none, or one that somebody else may have made."""
    try:
        path = path.resolve(strict=True)
        stranger = stranger_to_file(path)
        if stranger is None:
            return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        stranger = f"cannot be read ({error.strerror})"
    warn(f"the timing cache {path} is not used: {stranger}")
    return None

"""The kernels, compiled for a GPU: from where they are kept, or compiled anew."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from rtseg.cuda.compile_error import CompileError
from rtseg.cuda.compiler import compilers_for
from rtseg.errors import DeviceError, OutputError, RtsegError
from rtseg.storage.files import publish, sync, write_private
from rtseg.storage.lock import building_lock
from rtseg.storage.places import cache_folder
from rtseg.storage.trust import stranger_to_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rtseg.cuda.compiler import Compiler
    from rtseg.cuda.device import Gpu

SOURCE = Path(__file__).with_name("kernels.cu")


def compile_ahead(gpu: Gpu, warn: Callable[[str], None]) -> None:
    """Compile the kernels where that has not been done; where it cannot be, a warning says why, in a line."""
    try:
        cubin_for(gpu, warn)
    except RtsegError as error:
        warn(" ".join(str(error).splitlines()))


def cubin_for(gpu: Gpu, notice: Callable[[str], None]) -> bytes:
    """The kernels for `gpu`: read, or compiled on first use, which takes about a second.

    They are kept by a hash of their source, the compute capability and the compiler; of the last, one that is
    not here any more will do. What somebody else may have put there is not taken, as it is code.

    Args:
        gpu: the GPU; its context need not exist.
        notice: told in a sentence of kept kernels that are not taken, or cannot be kept.

    Raises:
        DeviceError: there is no compiler that can.
    """
    compilers = compilers_for(gpu)
    stem = _stem(gpu)
    try:
        folder = cache_folder("kernels")
        kept = _kept(folder, stem, compilers, notice)
        if kept is not None:
            return kept
        with building_lock(folder / f"{stem}.cubin", lambda: None):
            kept = _kept(folder, stem, compilers, lambda _: None)
            if kept is not None:
                return kept
            compiler, content = _compile(gpu, compilers)
            _keep(folder / _name(stem, compiler), content, notice)
            return content
    except OutputError as error:
        notice(str(error))
        return _compile(gpu, compilers)[1]


def _stem(gpu: Gpu) -> str:
    major, minor = gpu.compute_capability
    return f"kernels-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]}.sm_{major}{minor}"


def _name(stem: str, compiler: Compiler) -> str:
    return f"{stem}.{compiler.name}.cubin"


def _kept(
    folder: Path, stem: str, compilers: Sequence[Compiler], notice: Callable[[str], None]
) -> bytes | None:
    """What is kept and trusted; None if nothing is."""
    if compilers:
        candidates = [folder / _name(stem, compiler) for compiler in compilers]
    else:
        candidates = sorted(folder.glob(f"{stem}.*.cubin"))
    for path in candidates:
        try:
            path = path.resolve(strict=True)  # what is looked at must be what is read
            stranger = stranger_to_file(path)
            if stranger is None:
                return path.read_bytes()
            notice(f"{path}: not used, as it is code and {stranger}.")
        except OSError:
            continue
    return None


def _compile(gpu: Gpu, compilers: Sequence[Compiler]) -> tuple[Compiler, bytes]:
    reasons = []
    for compiler in compilers:
        try:
            return compiler, compiler.compile(SOURCE, gpu.compute_capability)
        except CompileError as error:
            reasons.append(str(error))
    if not reasons:
        raise DeviceError(
            "there is no compiler for the GPU's kernels. Install CUDA's toolkit, or: "
            f"pip install {_wheel(gpu)}\n--overlay-on cpu works without."
        )
    raise DeviceError(
        f"the GPU's kernels cannot be compiled for {gpu.name}: {'; '.join(reasons)}.\n"
        f"Install a CUDA toolkit that the driver ({gpu.driver_version}) knows, or take --overlay-on cpu."
    )


def _wheel(gpu: Gpu) -> str:
    """NVIDIA's package with NVRTC that the driver knows."""
    major = int(gpu.driver_version.partition(".")[0])
    return f"nvidia-cuda-nvrtc-cu{major}" if major < 13 else "nvidia-cuda-nvrtc"


def _keep(path: Path, content: bytes, notice: Callable[[str], None]) -> None:
    """Write it for the next time; whole or not at all."""
    partial = path.with_name(f".{path.name}.part")
    try:
        write_private(partial, content)
        publish(partial, path)
        sync(path.parent)
    except OSError as error:
        notice(f"{path}: the compiled kernels cannot be kept ({error.strerror}); it goes without.")

"""A GPU: what it is, and the context in which all work on it is done."""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtseg.cuda.libcuda import libcuda
from rtseg.errors import DeviceError, DeviceFault
from rtseg.runtimes import load_pycuda

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self


_NONE = "there is no NVIDIA GPU here. Take another --backend, for instance openvino."


@dataclass(frozen=True, slots=True)
class Gpu:
    """What a GPU says of itself.

    Attributes:
        ordinal: its number among those that CUDA shows, from 0.
        name: for instance "NVIDIA GeForce RTX 4070" or "Orin".
        compute_capability: major and minor.
        memory_bytes: all of its memory; on an integrated GPU that is the machine's.
        is_integrated: whether it works in the machine's own memory, as on a Jetson.
        driver_version: the newest CUDA that its driver knows, for instance "12.4".
    """

    ordinal: int
    name: str
    compute_capability: tuple[int, int]
    memory_bytes: int
    is_integrated: bool
    driver_version: str


def gpu_at(ordinal: int = 0) -> Gpu:
    """Ask the driver about a GPU; makes no context.

    Raises:
        MissingDependencyError: pycuda is not installed.
        DeviceError: there is no driver, or no such GPU.
    """
    driver = load_pycuda()
    return _gpu_from_handle(driver, _handle(driver, ordinal), ordinal)


class Device:
    """The primary context of a GPU, retained until `close`; torch and TensorRT work in the same one.

    Retaining does not make it current: every thread that touches the GPU does so inside `with pushed()` where
    it makes or frees things, and `with entered()` where it works with them. All that was made in the context
    must be freed before `close`.

    Attributes:
        gpu: which GPU.
    """

    def __init__(self, ordinal: int = 0) -> None:
        """Retain the context, which takes tenths of a second and some hundred MB where it is the first.

        Raises:
            MissingDependencyError: pycuda is not installed.
            DeviceError: there is no driver, no such GPU, or no room on it for a context.
        """
        driver = load_pycuda()
        self._error: type[Exception] = driver.Error
        handle = _handle(driver, ordinal)
        self.gpu = _gpu_from_handle(driver, handle, ordinal)
        try:
            self._context: Any = handle.retain_primary_context()
        except driver.Error as error:
            is_full = "out of memory" in str(error)  # so the driver itself calls it
            hint = "Does another program fill it?" if is_full else "Start again; `dmesg` may tell why."
            raise DeviceError(f"{self.gpu.name}: cannot be used: {error}. {hint}") from error
        if not self.is_sound:
            forsake(self._context)
            raise DeviceError(
                f"{self.gpu.name}: cannot be used any more by this process, as it has failed before. "
                "Start again; `dmesg` may tell why."
            )

    @contextmanager
    def pushed(self) -> Iterator[None]:
        """Make the context current in this thread, and the one before it afterwards; may be nested.

        The pop is certain: a thread that ended with a pushed context would abort the process.

        Raises:
            DeviceFault: the GPU has failed.
            RuntimeError: the device is closed.
        """
        if self._context is None:
            raise RuntimeError("the device is closed: there is no context to push")
        try:
            self._context.push()
        except self._error as error:
            raise fault_from(error) from error
        try:
            yield
        finally:
            try:
                self._context.pop()
            except self._error as error:
                self._context.detach()  # which takes it off pycuda's stack all the same
                raise fault_from(error) from error

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Make the context current for work with what is there, past pycuda; may be nested.

        On a GPU that has failed pycuda's pop raises and leaves the context on its stack, and a thread that
        ends so takes the process with it, and with that all files that are open.

        Raises:
            DeviceFault: the GPU has failed.
            RuntimeError: the device is closed.
        """
        if self._context is None:
            raise RuntimeError("the device is closed: there is no context to enter")
        failed = libcuda().cuCtxPushCurrent_v2(ctypes.c_void_p(self._context.handle))
        if failed:
            raise fault_from(f"cuCtxPushCurrent: error {failed}")
        try:
            yield
        finally:
            libcuda().cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))

    @property
    def is_sound(self) -> bool:
        """Whether the GPU still works, without which pycuda can free nothing.

        A GPU that is gone lets no thread in. After a kernel that faulted, threads go in and out as before,
        and all else fails; asking for the free memory is a cheap way to be told so.
        """
        free, whole = ctypes.c_size_t(), ctypes.c_size_t()
        try:
            with self.entered():
                return not libcuda().cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(whole))
        except DeviceFault:
            return False

    def close(self) -> None:
        """Release the context; from any thread in which it is not pushed. May be called again.

        That of a GPU that has failed stays.
        """
        if self._context is None:
            return
        is_sound = self.is_sound
        context, self._context = self._context, None
        if not is_sound:
            forsake(context)
            return
        # pycuda releases only what is current in the calling thread, elsewhere it leaks without a word; and
        # unlike a context of its own, a released primary context stays on the driver's stack. So it is made
        # current for pycuda, and no longer for the driver.
        context.push()
        libcuda().cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))
        context.detach()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def forsake(*things: object) -> None:
    """Never free these: of a GPU that has failed pycuda can free nothing, and trying ends the process."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(things))


def fault_from(reason: object) -> DeviceFault:
    """What is raised when the driver refuses in the middle of work."""
    return DeviceFault(
        f"the GPU failed: {reason}.\n`dmesg` may tell why; start again, with another --backend if need be."
    )


def _handle(driver: Any, ordinal: int) -> Any:  # noqa: ANN401  # pycuda has no types
    try:
        driver.init()
        count = driver.Device.count()
        if ordinal < count:
            return driver.Device(ordinal)
    except driver.Error as error:
        if "no device" in str(error):  # so the driver itself calls it
            raise DeviceError(_NONE) from error
        raise DeviceError(
            f"the NVIDIA driver does not start: {error}.\n"
            "See that `nvidia-smi` works, or take another --backend."
        ) from error
    if count == 0:
        raise DeviceError(_NONE)
    raise DeviceError(f"there is no GPU {ordinal}: the driver shows {count}, numbered from 0.")


def _gpu_from_handle(driver: Any, handle: Any, ordinal: int) -> Gpu:  # noqa: ANN401
    major, minor = handle.compute_capability()
    newest_cuda = driver.get_driver_version()
    return Gpu(
        ordinal=ordinal,
        name=handle.name(),
        compute_capability=(major, minor),
        memory_bytes=handle.total_memory(),
        is_integrated=bool(handle.get_attribute(driver.device_attribute.INTEGRATED)),
        driver_version=f"{newest_cuda // 1000}.{newest_cuda % 1000 // 10}",
    )

"""The kernels of kernels.cu, loaded into a context and launched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtseg.cuda.cubin import cubin_for
from rtseg.errors import DeviceError
from rtseg.runtimes import load_pycuda

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtseg.cuda.device import Device
    from rtseg.cuda.planes import GpuPlanes
    from rtseg.stages.colours import Decoding

_BLOCK = (32, 8, 1)
"""THREADS_X and THREADS_Y of kernels.cu."""

LARGEST_SIDE = 16384
"""Of pictures and labels; beyond, products of two sides leave 32 bits."""

CENTRED = (0.0, 0.0)
LEFT = (0.25, 0.0)
"""Where chroma samples lie, as `chroma_shift`: amid four luma samples (JPEG, MPEG-1), or at the left two (the
rule for H.264, HEVC and most of what is not tagged)."""

_PARAMETERS = {
    "image_from_yuv": "PiPPiiiiffffffffPii",
    "image_from_bgr": "PiiiPii",
    "paint": "PiPPiiiPiiPif",
}
"""In the words of Python's struct."""


class Kernels:
    """The kernels in a device's context. All calls are made with the context pushed, and return at once.

    Addresses are of the GPU's memory, which has to live until the stream has come so far.
    """

    def __init__(self, device: Device, notice: Callable[[str], None] = lambda _: None) -> None:
        """Compile where that has not been done, which takes about a second, and load.

        Args:
            device: whose context is pushed.
            notice: see `cubin_for`.

        Raises:
            DeviceError: there is no compiler, or the driver does not take what it makes.
        """
        self._module: Any = None
        self._functions: dict[str, Any] = {}
        cubin, driver = cubin_for(device.gpu, notice), load_pycuda()
        try:
            self._module = driver.module_from_buffer(cubin)
            self._prepare()
        except (driver.Error, UnicodeDecodeError) as error:  # of the driver's log, where it is not text
            self.unload()  # here, as the error's traceback outlives the context
            reason = error if isinstance(error, driver.Error) else "no reason given"
            raise DeviceError(
                f"{device.gpu.name}: the driver (CUDA {device.gpu.driver_version}) does not take the "
                f"compiled kernels: {str(reason).splitlines()[0]}.\n"
                "Update the driver, or take --overlay-on cpu."
            ) from error

    def _prepare(self) -> None:
        for name, parameters in _PARAMETERS.items():
            self._functions[name] = self._module.get_function(name)
            self._functions[name].prepare(parameters)

    def image_from_yuv(
        self,
        picture: GpuPlanes,
        decoding: Decoding,
        image: int,
        image_hw: tuple[int, int],
        stream: Any,  # noqa: ANN401
        *,
        chroma_shift: tuple[float, float] = LEFT,
    ) -> None:
        """Queue making the model's input, as stages/preprocess.py does, from YUV.

        Each level is the mean over the area that an input pixel covers, without rounding on the way; where
        the picture has to grow, it is interpolated linearly. That is what swscale computes where it keeps all
        of chroma (SWS_FULL_CHR_H_INT, or an odd width), within a level.

        Args:
            picture: the picture.
            decoding: its matrix and range.
            image: where uint8 (H, W, 3), RGB, goes, without gaps.
            image_hw: H and W.
            stream: the stream.
            chroma_shift: where chroma samples lie, see `LEFT`; in x and y, in chroma samples.
        """
        image_height, image_width = image_hw
        self._launch(
            "image_from_yuv", (image_width, image_height, 1), stream,
            picture.y, picture.y_pitch, picture.u, picture.v, picture.chroma_pitch, picture.chroma_step,
            picture.width, picture.height, *chroma_shift,
            decoding.luma_zero, decoding.luma_gain, decoding.red_of_v, decoding.green_of_u,
            decoding.green_of_v, decoding.blue_of_u, image, image_width, image_height,
        )  # fmt: skip

    def image_from_bgr(
        self,
        bgr: int,
        pitch: int,
        size: tuple[int, int],
        image: int,
        image_hw: tuple[int, int],
        stream: Any,  # noqa: ANN401
    ) -> None:
        """Queue making the model's input from packed BGR, three bytes a pixel.

        Args:
            bgr: the picture.
            pitch: bytes from line to line.
            size: its width and height.
            image: where uint8 (H, W, 3), RGB, goes, without gaps.
            image_hw: H and W.
            stream: the stream.
        """
        image_height, image_width = image_hw
        self._launch(
            "image_from_bgr", (image_width, image_height, 1), stream,
            bgr, pitch, *size, image, image_width, image_height,
        )  # fmt: skip

    def paint(
        self,
        picture: GpuPlanes,
        ids: int,
        ids_hw: tuple[int, int],
        tables: int,
        opacity: float | None,
        stream: Any,  # noqa: ANN401
    ) -> None:
        """Queue painting colours over a yuv420p picture, in place, as `CpuPainter` does.

        Args:
            picture: the picture.
            ids: class ids, uint8 (H, W), without gaps.
            ids_hw: H and W.
            tables: uint8 (4, 256): `levels` and `keep` of a `Coat`.
            opacity: of a uniform coat; None for others.
            stream: the stream.
        """
        height, width = ids_hw
        uniform, alpha = (0, 0.0) if opacity is None else (1, opacity)
        self._launch(
            "paint", (picture.width, picture.height, 3), stream,
            picture.y, picture.y_pitch, picture.u, picture.v, picture.chroma_pitch,
            picture.width, picture.height, ids, width, height, tables, uniform, alpha,
        )  # fmt: skip

    def unload(self) -> None:
        """Give the code's memory back; nothing may be queued that runs it. May be called again."""
        self._functions.clear()
        self._module = None

    def _launch(self, name: str, threads: tuple[int, int, int], stream: Any, *arguments: object) -> None:  # noqa: ANN401
        grid = tuple(-(-wanted // block) for wanted, block in zip(threads, _BLOCK, strict=True))
        self._functions[name].prepared_async_call(grid, _BLOCK, stream, *arguments)

"""Pictures in the GPU's memory: where their planes lie."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GpuPlanes:
    """A picture with chroma of half its size, rounded up: yuv420p or NV12, 8 bits.

    Attributes:
        y: the address of the first level of Y.
        u: of U.
        v: of V; in NV12, one behind U.
        y_pitch: bytes from a line of Y to the next.
        chroma_pitch: the same for U and V.
        chroma_step: bytes from a level of U to the next: 1 in yuv420p, 2 in NV12.
        width: in luma samples.
        height: the same.
    """

    y: int
    u: int
    v: int
    y_pitch: int
    chroma_pitch: int
    chroma_step: int
    width: int
    height: int

    @classmethod
    def planar_at(cls, address: int, width: int, height: int) -> GpuPlanes:
        """Y, U and V of yuv420p behind each other, without gaps; they take `planar_bytes`."""
        chroma_width, chroma_height = chroma_size(width, height)
        u = address + width * height
        v = u + chroma_width * chroma_height
        return cls(address, u, v, width, chroma_width, 1, width, height)

    @classmethod
    def nv12_at(cls, y: int, y_pitch: int, uv: int, uv_pitch: int, width: int, height: int) -> GpuPlanes:
        """NV12, as NVIDIA's decoders and cameras give it: Y, and a plane of U and V in turn."""
        return cls(y, uv, uv + 1, y_pitch, uv_pitch, 2, width, height)


def chroma_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of U and of V."""
    return (width + 1) // 2, (height + 1) // 2


def planar_bytes(width: int, height: int) -> int:
    """Bytes of a yuv420p picture without gaps."""
    chroma_width, chroma_height = chroma_size(width, height)
    return width * height + 2 * chroma_width * chroma_height

"""A plan: a magic word, a header as JSON, the ONNX file, a checksum of both.

Unlike TensorRT's own it carries the graph as it was; like it, it belongs to one version and one GPU unless
built otherwise.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from .device import Gpu

if TYPE_CHECKING:
    from collections.abc import Sequence

MAGIC = b"ptrtdouble"
DIGEST = 32


class NoPlan(Exception):
    """These bytes are not a whole plan."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the header says, and the network.

    Attributes:
        version: of the TensorRT that built it.
        gpu: that it was built on.
        flags: names of the builder flags.
        hardware: name of the hardware compatibility level.
        verbosity: name of the profiling verbosity.
        strongly_typed: as the network was.
        dla_core: -1 for the GPU.
        options: further ones that a test may look at: optimization_level, workspace, max_aux_streams.
        onnx: the file.
    """

    version: str
    gpu: Gpu
    flags: Sequence[str]
    hardware: str
    verbosity: str
    strongly_typed: bool
    dla_core: int
    options: dict[str, int]
    onnx: bytes

    def to_bytes(self) -> bytes:
        """The plan as a file."""
        header = asdict(self) | {"onnx": len(self.onnx)}
        text = json.dumps(header, sort_keys=True).encode()
        body = MAGIC + struct.pack("<I", len(text)) + text + self.onnx
        return body + hashlib.sha256(body).digest()

    @classmethod
    def from_bytes(cls, content: bytes) -> Plan:
        """Read a plan.

        Raises:
            NoPlan: it is none, or was cut short or changed.
        """
        if not content.startswith(MAGIC):
            raise NoPlan("magicTagRead == kMAGIC_TAG failed. Magic tag does not match")
        body, digest = content[:-DIGEST], content[-DIGEST:]
        if hashlib.sha256(body).digest() != digest:
            raise NoPlan("archive is truncated or its checksum does not match")
        start = len(MAGIC) + 4
        (length,) = struct.unpack("<I", body[len(MAGIC) : start])
        header = json.loads(body[start : start + length])
        header["onnx"] = body[start + length :]
        header["gpu"] = Gpu(header["gpu"]["name"], tuple(header["gpu"]["capability"]))
        return cls(**header)

    @property
    def version_compatible(self) -> bool:
        return "VERSION_COMPATIBLE" in self.flags

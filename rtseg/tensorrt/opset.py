"""The operator set of an ONNX file, read from its bytes: the run-time does not need the onnx package."""

from __future__ import annotations

_OPSET_IMPORT = 8
"""Field of ModelProto; its messages have the domain in field 1 and the version in field 2 (onnx.proto)."""
_DOMAIN, _VERSION = 1, 2
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def opset_of(content: bytes) -> int | None:
    """The version of ONNX' own operators that the file uses; None where it does not say.

    Raises:
        ValueError: the bytes are no protocol buffer.
    """
    for number, entry in _fields(content):
        if number == _OPSET_IMPORT and isinstance(entry, bytes):
            values = dict(_fields(entry))
            version = values.get(_VERSION)
            if values.get(_DOMAIN, b"") in (b"", b"ai.onnx") and isinstance(version, int):
                return version
    return None


def _fields(content: bytes) -> list[tuple[int, int | bytes]]:
    """Numbers and values of the fields of a message, in order."""
    found: list[tuple[int, int | bytes]] = []
    at = 0
    while at < len(content):
        tag, at = _varint(content, at)
        kind = tag & 7
        if kind == _VARINT:
            value: int | bytes
            value, at = _varint(content, at)
        else:
            if kind == _LENGTH:
                size, at = _varint(content, at)
            elif kind in (_FIXED64, _FIXED32):
                size = 8 if kind == _FIXED64 else 4
            else:
                raise ValueError(f"no protocol buffer: a field of kind {kind}")
            value, at = content[at : at + size], at + size
        found.append((tag >> 3, value))
    return found


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at`, seven bits a byte, lowest first, and where it ends."""
    value = shift = 0
    while at < len(content) and shift < 64:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("no protocol buffer: a number does not end")

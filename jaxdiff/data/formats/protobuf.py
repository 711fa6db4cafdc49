"""The wire format of protocol buffers, as much of it as `.b3d` files use; bounded by the length of
the bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from jaxdiff.errors import DataError

VARINT, DOUBLE, BYTES, FLOAT = 0, 1, 2, 5


def fields(data: memoryview) -> Iterator[tuple[int, int, int | memoryview, int]]:
    """The fields of a message: number, wire type, value (an integer, or bytes) and the offset of
    its bytes.

    Raises:
        DataError: If the message is cut off or uses an unknown wire type.
    """
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = _varint(data, at)
            yield number, wire, value, at
            continue
        if wire == BYTES:
            size, at = _varint(data, at)
        else:
            size = {DOUBLE: 8, FLOAT: 4}.get(wire, -1)
        if size < 0 or size > len(data) - at:
            raise DataError("a message is cut off or damaged")
        yield number, wire, data[at : at + size], at
        at += size


def message(data: memoryview) -> dict[int, list[int | memoryview]]:
    """All values of a message by field number."""
    found: dict[int, list[int | memoryview]] = {}
    for number, _, value, _ in fields(data):
        found.setdefault(number, []).append(value)
    return found


def texts(found: dict[int, list[int | memoryview]], number: int) -> list[str]:
    """A repeated text field."""
    return [
        bytes(v).decode("utf-8", "replace") for v in found.get(number, []) if not isinstance(v, int)
    ]


def integer(found: dict[int, list[int | memoryview]], number: int) -> int:
    """An integer field; absent means 0."""
    values = [v for v in found.get(number, []) if isinstance(v, int)]
    value = values[-1] if values else 0
    return value - 2**64 if value >= 2**63 else value


def real(found: dict[int, list[int | memoryview]], number: int) -> float:
    """A double or float field; absent means 0."""
    values = [v for v in found.get(number, []) if not isinstance(v, int) and len(v) in (4, 8)]
    if not values:
        return 0.0
    return struct.unpack("<d" if len(values[-1]) == 8 else "<f", values[-1])[0]


def integers(found: dict[int, list[int | memoryview]], number: int) -> list[int]:
    """A repeated integer field, packed or not."""
    values: list[int] = []
    for piece in found.get(number, []):
        if isinstance(piece, int):
            values.append(piece)
            continue
        at = 0
        while at < len(piece):
            value, at = _varint(piece, at)
            values.append(value)
    return values


def doubles(data: memoryview, number: int, width: int) -> np.ndarray:
    """A packed field of `width` doubles; NaN where it is absent."""
    for own, wire, value, _ in fields(data):
        if (
            own == number
            and wire == BYTES
            and not isinstance(value, int)
            and len(value) == 8 * width
        ):
            return np.frombuffer(value, "<f8")
    return np.full(width, np.nan)


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise DataError("a message is cut off or damaged")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at

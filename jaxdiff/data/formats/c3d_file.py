"""The container of C3D: the bytes of Intel, DEC or MIPS processors, and the parameters.

Parameters are a list of entries (c3d.org, "The C3D file format user guide"): length of the name,
number of the group (negative: this *is* the group), name, distance to the next entry, type,
dimensions (the first runs fastest), values.
"""

from __future__ import annotations

import math
import os
import struct
from typing import Any

import numpy as np

from jaxdiff.data.formats import files

BLOCK = 512
_ORDERS = {84: "<", 85: "<", 86: ">"}  # Intel, DEC, MIPS
_DEC = 85


class Source:
    """The bytes of a file and how its processor wrote numbers."""

    def __init__(self, path: str | os.PathLike):
        self.path, self.content = path, files.read_bytes(path)
        if len(self.content) < 2 * BLOCK or self.content[1] != 0x50:
            raise files.bad(
                path, "is not a C3D file, or cut off: it does not start with a C3D header"
            )
        self.parameters = (self.content[0] - 1) * BLOCK
        self.processor = self.bytes(self.parameters + 3, 1)[0]
        if self.parameters < BLOCK or self.processor not in _ORDERS:
            raise files.bad(path, "is not a C3D file, or damaged: its processor type is unknown")
        self.order = _ORDERS[self.processor]

    def bytes(self, start: int, count: int) -> bytes:
        piece = self.content[start : start + count] if start >= 0 else b""
        if len(piece) < count:
            raise files.bad(
                self.path,
                f"more than its {len(self.content)} bytes is announced; it is cut or damaged",
            )
        return piece

    def word(self, start: int) -> int:
        """An unsigned 16-bit word."""
        return struct.unpack(self.order + "H", self.bytes(start, 2))[0]

    def array(self, start: int, count: int, kind: str) -> np.ndarray:
        """`count` numbers of `kind` "i1", "i2", "u2" or "f4"."""
        piece = self.bytes(start, count * int(kind[1]))
        if (
            kind == "f4" and self.processor == _DEC
        ):  # VAX floats: words swapped, exponent bias two higher
            swapped = np.frombuffer(piece, "<u2").reshape(-1, 2)[:, ::-1]
            return np.ascontiguousarray(swapped).view("<f4").reshape(-1) / np.float32(4)
        return np.frombuffer(piece, self.order + kind)


class Parameters:
    """The parameters by "GROUP:NAME"; absent ones and those of another type read as empty."""

    def __init__(self, source: Source):
        at, groups, found = source.parameters + 4, {}, []
        room = 2 * len(source.content)  # entries of a sound file do not overlap
        while True:
            length, number = (int(value) for value in source.array(at, 2, "i1"))
            if length == 0:
                break
            length = abs(length)  # negative: the entry is locked
            name = source.bytes(at + 2, length).decode("latin-1").strip().upper()
            at += 2 + length
            step = source.word(at)
            if number < 0:
                groups[-number] = name
            else:
                value, size = _value(source, at + 2)
                room -= size + 16
                if room < 0:
                    raise files.bad(source.path, "its parameters overlap; it is damaged")
                found.append((number, name, value))
            if step == 0:
                break
            at += step
        self.table = {
            f"{groups.get(number, number)}:{name}": value for number, name, value in found
        }

    def texts(self, key: str) -> list[str]:
        value = self.table.get(key, [])
        return value if isinstance(value, list) else []

    def numbers(self, key: str) -> np.ndarray:
        value = self.table.get(key)
        return value if isinstance(value, np.ndarray) else np.zeros(0)

    def number(self, key: str, default: float) -> float:
        values = self.numbers(key).reshape(-1)
        return float(values[0]) if len(values) else default

    def column(self, key: str, count: int, default: float) -> np.ndarray:
        """One number per channel; `default` for those the file leaves out."""
        values = self.numbers(key).reshape(-1, order="F")[:count].astype(np.float64)
        return np.concatenate([values, np.full(count - len(values), default)])

    def item(self, key: str, shape: tuple[int, ...], i: int) -> np.ndarray | None:
        """Item `i` of an array whose last axis counts items of that shape; a single item may lack
        that axis.
        """
        array = self.numbers(key)
        array = array[..., None] if array.ndim == len(shape) else array
        if (
            array.ndim != len(shape) + 1
            or array.shape[-1] <= i
            or any(a < b for a, b in zip(array.shape, shape))
        ):
            return None
        return np.nan_to_num(array[(*map(slice, shape), i)].astype(np.float64))


def _value(source: Source, at: int) -> tuple[Any, int]:
    """The value of a parameter and its size in bytes."""
    kind, count = int(source.array(at, 1, "i1")[0]), source.bytes(at + 1, 1)[0]
    if kind not in (-1, 1, 2, 4) or count > 7:
        raise files.bad(
            source.path,
            f"a parameter has the unknown type {kind} or {count} dimensions; it is damaged",
        )
    shape = tuple(source.bytes(at + 2, count))
    size, at = math.prod(shape), at + 2 + count
    if kind == -1:
        width = shape[0] if shape else 1
        raw = source.bytes(at, size)
        texts = [raw[i : i + width] for i in range(0, size, width)] if width else []
        return [_decoded(text) for text in texts], size + 64 * len(texts)
    if not size:
        return np.zeros(0), 0
    values = source.array(at, size, {1: "i1", 2: "i2", 4: "f4"}[kind])
    return values.reshape(shape, order="F"), size * kind


def _decoded(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return text.replace("\0", " ").strip()

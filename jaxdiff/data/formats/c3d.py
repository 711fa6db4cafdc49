"""C3D: marker trajectories, force plates, EMG and whatever else was on the analog channels.

A file (c3d.org, "The C3D file format user guide") is a header of 512 bytes, groups of named parameters, then frames: four
words a point (x, y, z, residual; a negative residual marks a missing point), then the analog samples of that frame.
Words are 16-bit integers with a scale or 32-bit floats, written by Intel, DEC or MIPS processors. They are read here by
hand because ezc3d ends the whole process on some damaged files (segmentation fault); it is the oracle in the tests.
"""

from __future__ import annotations

import os
import struct
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from jaxdiff.data.formats import files, force_plates
from jaxdiff.data.recording import Recording
from jaxdiff.errors import DataError

_BLOCK = 512
_ORDERS = {84: "<", 85: "<", 86: ">"}  # Intel, DEC, MIPS
_DEC = 85


class C3d(NamedTuple):
    """What a C3D file holds, each part at its own rate; None where there is nothing of the kind."""

    points: Recording | None
    """Channels `marker_x`, `_y`, `_z`, in the file's unit."""
    forces: Recording | None
    """`ground_force_1_vx` .. `vz` (N), `ground_force_1_px` .. `pz`, `ground_torque_1_x` .. `z`; see force_plates."""
    analog: Recording | None
    """All other analog channels, EMG among them, raw."""


class _Source:
    """The bytes of a file and how its processor wrote numbers."""

    def __init__(self, path: str | os.PathLike):
        self.path, self.content = path, files.read_bytes(path)
        if len(self.content) < 2 * _BLOCK or self.content[1] != 0x50:
            raise files.bad(path, "is not a C3D file, or cut off: it does not start with a C3D header")
        self.parameters = (self.content[0] - 1) * _BLOCK
        self.processor = self.bytes(self.parameters + 3, 1)[0]
        if self.parameters < _BLOCK or self.processor not in _ORDERS:
            raise files.bad(path, "is not a C3D file, or damaged: its processor type is unknown")
        self.order = _ORDERS[self.processor]

    def bytes(self, start: int, count: int) -> bytes:
        piece = self.content[start : start + count] if start >= 0 else b""
        if len(piece) < count:
            raise files.bad(self.path, f"more than its {len(self.content)} bytes is announced; it is cut or damaged")
        return piece

    def word(self, start: int) -> int:
        """An unsigned 16-bit word."""
        return struct.unpack(self.order + "H", self.bytes(start, 2))[0]

    def array(self, start: int, count: int, kind: str) -> np.ndarray:
        """`count` numbers of `kind` "i1", "i2", "u2" or "f4"."""
        piece = self.bytes(start, count * int(kind[1]))
        if kind == "f4" and self.processor == _DEC:  # VAX floats: words swapped, exponent bias two higher
            swapped = np.frombuffer(piece, "<u2").reshape(-1, 2)[:, ::-1]
            return np.ascontiguousarray(swapped).view("<f4").reshape(-1) / np.float32(4)
        return np.frombuffer(piece, self.order + kind)


def read_c3d(path: str | os.PathLike) -> C3d:
    """Points, force plates and further analog channels."""
    source = _Source(path)
    table = _parameters(source)
    points, per_frame, first, last = (source.word(at) for at in (2, 4, 6, 8))
    subframes, start = source.word(18), (source.word(16) - 1) * _BLOCK
    scale, rate = (float(source.array(at, 1, "f4")[0]) for at in (12, 20))
    rate = float(_number(table, "POINT:RATE", rate))
    channels = per_frame // subframes if subframes else 0
    if not (0 < rate < 1e9) or channels * subframes != per_frame or not points + per_frame or start < 0:
        raise files.bad(path, f"the header is damaged: {points} points, {per_frame} analog samples, {rate} Hz")

    kind = "f4" if scale < 0 else "i2"
    width = 4 * points + per_frame
    frames = _frame_count(table, first, last)
    room = max(0, len(source.content) - start) // (width * int(kind[1]))
    if not 0 < frames <= room:
        raise files.bad(path, f"the header announces {frames} frames, there is room for {room}; it is cut or damaged")
    unsigned = kind == "i2" and _texts(table, "ANALOG:FORMAT")[:1] == ["UNSIGNED"]
    words = source.array(start, frames * width, kind).reshape(frames, width)
    begin = max(0, first - 1) / rate

    def recording(values: np.ndarray, names: list[str], units: list[str], hertz: float) -> Recording | None:
        if not names:
            return None
        if np.isinf(values).any():
            raise files.bad(path, f"channel {names[int(np.argwhere(np.isinf(values))[0][1])]!r} holds infinities")
        try:
            return Recording(values, tuple(names), tuple(units), hertz, begin)
        except DataError as error:
            raise files.bad(path, str(error)) from None

    with np.errstate(all="ignore"):  # damaged files overflow; what is infinite in the end is refused
        marks = words[:, : 4 * points].reshape(frames, points, 4).astype(np.float64)
        where = marks[..., :3] * (1.0 if kind == "f4" else scale)
        where[marks[..., 3] < 0] = np.nan
        analog = words[:, 4 * points :].reshape(frames * subframes, channels)
        analog = (analog.view(source.order + "u2") if unsigned else analog).astype(np.float64)
        analog = (analog - _column(table, "ANALOG:OFFSET", channels, 0.0, unsigned)) * (
            _column(table, "ANALOG:SCALE", channels, 1.0) * _number(table, "ANALOG:GEN_SCALE", 1.0)
        )
        unit = (_texts(table, "POINT:UNITS") or ["mm"])[0]
        names = [f"{name}_{axis}" for name in _labels(table, "POINT", points) for axis in "xyz"]
        hertz = rate * subframes
        forces, used = _plates(table, analog, unit)
        return C3d(
            recording(where.reshape(frames, -1), names, [unit] * len(names), rate),
            recording(*forces, hertz),
            recording(*_others(table, analog, used), hertz),
        )


def read_c3d_recording(path: str | os.PathLike, rate: float | None = None) -> Recording:
    """Everything at the rate of the points, or at `rate`: forces and the like with an anti-alias filter, and EMG
    (channels in volts or named so) as linear envelopes, because raw EMG does not survive a lower rate."""
    points, forces, analog = read_c3d(path)
    try:
        if analog is not None:
            emg = [n for n, u in zip(analog.channels, analog.units) if "emg" in n.lower() or u in ("V", "mV", "uV")]
            if emg and analog.rate > 80:
                envelopes = dict(zip(emg, analog.select(emg).envelope().values.T))
                mixed = [envelopes.get(name, values) for name, values in zip(analog.channels, analog.values.T)]
                analog = replace(analog, values=np.stack(mixed, axis=1))
        parts = [part for part in (points, forces, analog) if part is not None]
        whole, *rest = [part.resample(parts[0].rate if rate is None else rate) for part in parts]
        for part in rest:
            shared = min(len(whole.values), len(part.values))
            whole, part = (replace(r, values=r.values[:shared]) for r in (whole, part))
            whole = whole.join(part)
        return whole
    except DataError as error:
        raise files.bad(path, str(error)) from None


def _parameters(source: _Source) -> dict[str, Any]:
    """All parameters as "GROUP:NAME" -> array of numbers, or list of texts."""
    at, groups, found = source.parameters + 4, {}, []
    while True:
        length, number = (int(value) for value in source.array(at, 2, "i1"))
        if length == 0:
            break
        length = abs(length)
        name = source.bytes(at + 2, length).decode("latin-1").strip().upper()
        at += 2 + length
        step = source.word(at)
        if number < 0:
            groups[-number] = name
        else:
            found.append((number, name, _value(source, at + 2)))
        if step == 0:
            break
        at += step
    return {f"{groups.get(number, number)}:{name}": value for number, name, value in found}


def _value(source: _Source, at: int) -> Any:
    kind, count = int(source.array(at, 1, "i1")[0]), source.bytes(at + 1, 1)[0]
    shape = tuple(source.bytes(at + 2, count))
    size, at = int(np.prod(shape, dtype=np.float64)) if shape else 1, at + 2 + count
    if kind == -1:
        width = shape[0] if shape else 1
        raw = source.bytes(at, size)
        texts = [raw[i : i + width] for i in range(0, size, width)] if width else []
        return [_decoded(text) for text in texts]
    if kind not in (1, 2, 4) or size > len(source.content):
        raise files.bad(source.path, f"a parameter has the unknown type {kind}, or is damaged")
    return source.array(at, size, {1: "i1", 2: "i2", 4: "f4"}[kind]).reshape(shape, order="F")


def _decoded(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return text.replace("\0", " ").strip()


def _texts(table: dict[str, Any], key: str) -> list[str]:
    value = table.get(key, [])
    return value if isinstance(value, list) else []


def _numbers(table: dict[str, Any], key: str) -> np.ndarray:
    value = table.get(key)
    return value if isinstance(value, np.ndarray) else np.zeros(0)


def _number(table: dict[str, Any], key: str, default: float) -> float:
    values = _numbers(table, key).reshape(-1)
    return float(values[0]) if len(values) else default


def _column(table: dict[str, Any], key: str, count: int, default: float, unsigned: bool = False) -> np.ndarray:
    """One number a channel, however many the file gives."""
    values = _numbers(table, key).reshape(-1, order="F")[:count].astype(np.float64)
    values = np.where(unsigned & (values < 0), values + 65536, values)
    return np.concatenate([values, np.full(count - len(values), default)])


def _frame_count(table: dict[str, Any], first: int, last: int) -> int:
    """From the header, or where its 16 bits do not reach, from TRIAL:ACTUAL_*_FIELD (low and high word)."""
    ends = [_numbers(table, f"TRIAL:ACTUAL_{end}_FIELD").reshape(-1) for end in ("START", "END")]
    if last == 0xFFFF and all(len(end) >= 2 and np.isfinite(end).all() for end in ends):
        low, high = (int(end[0]) % 65536 + 65536 * (int(end[1]) % 65536) for end in ends)
        return high - low + 1
    long = _number(table, "POINT:LONG_FRAMES", 0.0)
    return int(long) if last == 0xFFFF and 0 < long < 1e9 else last - first + 1


def _labels(table: dict[str, Any], group: str, count: int) -> list[str]:
    """Names of points or channels (beyond 255 in LABELS2, ...); those without a name and repeated ones are numbered."""
    told = [name for key in ("", *range(2, 20)) for name in _texts(table, f"{group}:LABELS{key}")]
    names: list[str] = []
    for i in range(count):
        name = told[i] if i < len(told) and told[i] else f"{group.lower()}_{i + 1}"
        names.append(name if name not in names else f"{name}_{i + 1}")
    return names


def _plates(table: dict[str, Any], analog: np.ndarray, length: str) -> tuple[tuple[np.ndarray, list, list], set[int]]:
    """Values, names and units of all plates that are understood, and the analog channels they were made of."""
    values, names, units, used = [np.zeros((len(analog), 0))], [], [], set()
    kinds = np.nan_to_num(_numbers(table, "FORCE_PLATFORM:TYPE").reshape(-1)).astype(np.int64)
    for i in range(max(0, min(int(np.nan_to_num(_number(table, "FORCE_PLATFORM:USED", 0.0))), len(kinds)))):
        kind = int(kinds[i])
        wires = _item(table, "FORCE_PLATFORM:CHANNEL", (force_plates.channels_of(kind),), i)
        corners, origin = (
            _item(table, "FORCE_PLATFORM:CORNERS", (3, 4), i),
            _item(table, "FORCE_PLATFORM:ORIGIN", (3,), i),
        )
        matrix = _item(table, "FORCE_PLATFORM:CAL_MATRIX", (6, 6), i) if kind == 4 else None
        if wires is None or corners is None or origin is None or not force_plates.usable(kind, corners.T):
            continue
        own = wires.astype(np.int64) - 1
        if own.min() < 0 or own.max() >= analog.shape[1]:
            continue
        values += force_plates.wrench(kind, analog[:, own], corners.T, origin, matrix)
        for quantity, unit in (("force_{}_v", "N"), ("force_{}_p", length), ("torque_{}_", f"N {length}")):
            names += ["ground_" + quantity.format(i + 1) + axis for axis in "xyz"]
            units += [unit] * 3
        used |= set(own.tolist())
    return (np.concatenate(values, axis=1), names, units), used


def _item(table: dict[str, Any], key: str, shape: tuple[int, ...], i: int) -> np.ndarray | None:
    """Item `i` of a parameter whose last axis counts the plates; a single plate may come without that axis."""
    array = _numbers(table, key)
    array = array[..., None] if array.ndim == len(shape) else array
    if array.ndim != len(shape) + 1 or array.shape[-1] <= i or any(a < b for a, b in zip(array.shape, shape)):
        return None
    return np.nan_to_num(array[(*map(slice, shape), i)].astype(np.float64))


def _others(table: dict[str, Any], analog: np.ndarray, used: set[int]) -> tuple[np.ndarray, list[str], list[str]]:
    names, units = _labels(table, "ANALOG", analog.shape[1]), _texts(table, "ANALOG:UNITS")
    units += [""] * (len(names) - len(units))
    rest = [j for j in range(len(names)) if j not in used]
    return analog[:, rest], [names[j] for j in rest], [units[j] for j in rest]

"""C3D: marker trajectories, force plates, EMG and whatever else was on the analog channels.

After a header of 512 bytes and the parameters come the frames: four words a point (x, y, z, residual; a negative one
marks a missing point), then the analog samples of that frame. Words are 16-bit integers with a scale, or 32-bit floats.
They are read here by hand because ezc3d ends the whole process on some damaged files (segmentation fault); it is the
oracle in the tests.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from jaxdiff.data.formats import c3d_file, files, force_plates
from jaxdiff.data.recording import Recording
from jaxdiff.errors import DataError

_Channels = tuple[np.ndarray, list[str], list[str]]  # values, names, units


class C3d(NamedTuple):
    """What a C3D file holds, each part at its own rate; None where there is nothing of the kind."""

    points: Recording | None
    """Channels `marker_x`, `_y`, `_z`, in the file's unit."""
    forces: Recording | None
    """`ground_force_1_vx` .. `vz` (N), `ground_force_1_px` .. `pz`, `ground_torque_1_x` .. `z`; see force_plates."""
    analog: Recording | None
    """All other analog channels, EMG among them, raw."""


def read_c3d(path: str | os.PathLike) -> C3d:
    """Points, force plates and further analog channels."""
    source = c3d_file.Source(path)
    table = c3d_file.Parameters(source)
    points, per_frame, first, last = (source.word(at) for at in (2, 4, 6, 8))
    subframes, start = source.word(18), (source.word(16) - 1) * c3d_file.BLOCK
    scale, rate = (float(source.array(at, 1, "f4")[0]) for at in (12, 20))
    rate = float(table.number("POINT:RATE", rate))
    channels = per_frame // subframes if subframes else 0
    if (
        not (0 < rate < 1e9)
        or channels * subframes != per_frame
        or not points + per_frame
        or start < 0
    ):
        raise files.bad(
            path, f"the header is damaged: {points} points, {per_frame} analog samples, {rate} Hz"
        )

    kind = "f4" if scale < 0 else "i2"
    width = 4 * points + per_frame
    frames = _frame_count(table, first, last)
    room = max(0, len(source.content) - start) // (width * int(kind[1]))
    if not 0 < frames <= room:
        raise files.bad(
            path,
            f"the header announces {frames} frames, there is room for {room}; it is cut or damaged",
        )
    unsigned = kind == "i2" and table.texts("ANALOG:FORMAT")[:1] == ["UNSIGNED"]
    words = source.array(start, frames * width, kind).reshape(frames, width)
    begin = max(0, first - 1) / rate

    def recording(
        values: np.ndarray, names: list[str], units: list[str], hertz: float
    ) -> Recording | None:
        if not names:
            return None
        if np.isinf(values).any():
            raise files.bad(
                path,
                f"channel {names[int(np.argwhere(np.isinf(values))[0][1])]!r} holds infinities",
            )
        try:
            return Recording(values, tuple(names), tuple(units), hertz, begin)
        except DataError as error:
            raise files.bad(path, str(error)) from None

    with np.errstate(
        all="ignore"
    ):  # damaged files overflow; what is infinite in the end is refused
        marks = words[:, : 4 * points].reshape(frames, points, 4).astype(np.float64)
        where = marks[..., :3] * (1.0 if kind == "f4" else scale)
        where[marks[..., 3] < 0] = np.nan
        analog = words[:, 4 * points :].reshape(frames * subframes, channels)
        analog = (analog.view(source.order + "u2") if unsigned else analog).astype(np.float64)
        zero = table.column("ANALOG:OFFSET", channels, 0.0)
        zero = zero % 65536 if unsigned else zero
        analog = (analog - zero) * (
            table.column("ANALOG:SCALE", channels, 1.0) * table.number("ANALOG:GEN_SCALE", 1.0)
        )
        unit = (table.texts("POINT:UNITS") or ["mm"])[0]
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
            emg = [
                n
                for n, u in zip(analog.channels, analog.units)
                if "emg" in n.lower() or u in ("V", "mV", "uV")
            ]
            if emg and analog.rate > 80:
                envelopes = dict(zip(emg, analog.select(emg).envelope().values.T))
                mixed = [
                    envelopes.get(name, values)
                    for name, values in zip(analog.channels, analog.values.T)
                ]
                meta = {"emg": "linear envelopes: high-pass 20 Hz, rectified, low-pass 6 Hz"}
                analog = replace(analog, values=np.stack(mixed, axis=1), meta=meta)
        parts = [part for part in (points, forces, analog) if part is not None]
        whole, *rest = [part.resample(parts[0].rate if rate is None else rate) for part in parts]
        for part in rest:
            shared = min(len(whole.values), len(part.values))
            whole, part = (replace(r, values=r.values[:shared]) for r in (whole, part))
            whole = whole.join(part)
        return whole
    except DataError as error:
        raise files.bad(path, str(error)) from None


def _frame_count(table: c3d_file.Parameters, first: int, last: int) -> int:
    """From the header, or where its 16 bits do not reach, from TRIAL:ACTUAL_*_FIELD (low and high word)."""
    ends = [table.numbers(f"TRIAL:ACTUAL_{end}_FIELD").reshape(-1) for end in ("START", "END")]
    if last == 0xFFFF and all(len(end) >= 2 and np.isfinite(end).all() for end in ends):
        low, high = (int(end[0]) % 65536 + 65536 * (int(end[1]) % 65536) for end in ends)
        return high - low + 1
    long = table.number("POINT:LONG_FRAMES", 0.0)
    return int(long) if last == 0xFFFF and 0 < long < 1e9 else last - first + 1


def _labels(table: c3d_file.Parameters, group: str, count: int) -> list[str]:
    """Names of points or channels (beyond 255 in LABELS2, ...); those without a name and repeated ones are numbered."""
    told = [name for key in ("", *range(2, 20)) for name in table.texts(f"{group}:LABELS{key}")]
    names: list[str] = []
    for i in range(count):
        name = told[i] if i < len(told) and told[i] else f"{group.lower()}_{i + 1}"
        names.append(name if name not in names else f"{name}_{i + 1}")
    return names


def _plates(
    table: c3d_file.Parameters, analog: np.ndarray, length: str
) -> tuple[_Channels, set[int]]:
    """Values, names and units of all plates that are understood, and the analog channels they were made of."""
    values, names, units, used = [np.zeros((len(analog), 0))], [], [], set()
    kinds = np.nan_to_num(table.numbers("FORCE_PLATFORM:TYPE").reshape(-1)).astype(np.int64)
    for i in range(
        max(0, min(int(np.nan_to_num(table.number("FORCE_PLATFORM:USED", 0.0))), len(kinds)))
    ):
        kind = int(kinds[i])
        wires = table.item("FORCE_PLATFORM:CHANNEL", (force_plates.channels_of(kind),), i)
        corners = table.item("FORCE_PLATFORM:CORNERS", (3, 4), i)
        origin = table.item("FORCE_PLATFORM:ORIGIN", (3,), i)
        matrix = table.item("FORCE_PLATFORM:CAL_MATRIX", (6, 6), i) if kind == 4 else None
        if (
            wires is None
            or corners is None
            or origin is None
            or not force_plates.usable(kind, corners.T)
        ):
            continue
        own = wires.astype(np.int64) - 1
        if own.min() < 0 or own.max() >= analog.shape[1]:
            continue
        values += force_plates.wrench(kind, analog[:, own], corners.T, origin, matrix)
        for quantity, unit in (
            ("force_{}_v", "N"),
            ("force_{}_p", length),
            ("torque_{}_", f"N {length}"),
        ):
            names += ["ground_" + quantity.format(i + 1) + axis for axis in "xyz"]
            units += [unit] * 3
        used |= set(own.tolist())
    return (np.concatenate(values, axis=1), names, units), used


def _others(table: c3d_file.Parameters, analog: np.ndarray, used: set[int]) -> _Channels:
    names, units = _labels(table, "ANALOG", analog.shape[1]), table.texts("ANALOG:UNITS")
    units = units + [""] * (len(names) - len(units))
    rest = [j for j in range(len(names)) if j not in used]
    return analog[:, rest], [names[j] for j in rest], [units[j] for j in rest]

"""C3D: markers, model outputs, force plates, EMG and other analog channels, and events.

After a header of 512 bytes and the parameters come the frames: four words a point (x, y, z,
residual; a negative one marks a missing point), then the analog samples of that frame. Words are
16-bit integers with a scale, or 32-bit floats. The reader is our own because ezc3d crashes the
process on some damaged files; ezc3d is the oracle in the tests and writes (`write_c3d`).
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from jaxdiff.data import plausible
from jaxdiff.data.formats import c3d_file, exports, files, force_plates
from jaxdiff.data.recording import Event, Recording
from jaxdiff.data.units import canonical
from jaxdiff.errors import DataError, DataWarning

_Channels = tuple[np.ndarray, list[str], list[str]]  # values, names, units


class C3d(NamedTuple):
    """What a C3D file holds, each part at its own rate; None where there is nothing of the kind."""

    points: Recording | None
    """Channels `marker_x`, `_y`, `_z`, in the file's unit."""
    forces: Recording | None
    """`ground_force_1_vx` .. `vz` (N), `ground_force_1_px` .. `pz`, `ground_torque_1_x` .. `z`; see
    force_plates.
    """
    analog: Recording | None
    """All other analog channels, EMG among them, raw."""
    model: Recording | None = None
    """Model outputs (POINT:ANGLES, MOMENTS, FORCES, POWERS, SCALARS), `RHipAngles_x` and so on, in
    their own units.
    """
    events: tuple[Event, ...] = ()
    """Events with their contexts, in seconds on the same clock."""
    meta: Mapping[str, str] = {}
    """Metadata that `write_c3d` keeps; empty for files of other programs."""


def read_c3d(path: str | os.PathLike) -> C3d:
    """Reads every part of a C3D file at its own rate.

    Raises:
        FileError: If the file is no C3D file or damaged.
    """
    source = c3d_file.Source(path)
    table = c3d_file.Parameters(source)
    points, per_frame, first, last = (source.word(at) for at in (2, 4, 6, 8))
    subframes, start = source.word(18), (source.word(16) - 1) * c3d_file.BLOCK
    scale, rate = (float(source.array(at, 1, "f4")[0]) for at in (12, 20))
    rate = float(table.number("POINT:RATE", rate))
    channels = per_frame // subframes if subframes else 0
    if (
        not (1e-3 < rate <= 1e5)
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
        labels = _labels(table, "POINT", points)
        analog = words[:, 4 * points :].reshape(frames * subframes, channels)
        analog = (analog.view(source.order + "u2") if unsigned else analog).astype(np.float64)
        zero = table.column("ANALOG:OFFSET", channels, 0.0)
        zero = zero % 65536 if unsigned else zero
        analog = (analog - zero) * (
            table.column("ANALOG:SCALE", channels, 1.0) * table.number("ANALOG:GEN_SCALE", 1.0)
        )
        unit = (table.texts("POINT:UNITS") or ["mm"])[0]
        hertz = rate * subframes
        forces, used = _plates(table, analog, unit)
        kinds = _model_units(path, table, labels, where)
        events = _events(path, table)

        def of(chosen: list[int]) -> _Channels:
            return (
                where[:, chosen].reshape(frames, -1),
                [f"{labels[j]}_{axis}" for j in chosen for axis in "xyz"],
                [kinds.get(j, unit) for j in chosen for _ in "xyz"],
            )

        return C3d(
            recording(*of([j for j in range(points) if j not in kinds]), rate),
            recording(*forces, hertz),
            recording(*_others(table, analog, used), hertz),
            recording(*of(list(kinds)), rate),
            events,
            _metadata(table),
        )


def read_c3d_recording(path: str | os.PathLike, rate: float | None = None) -> Recording:
    """Reads everything in a C3D file at one rate.

    Args:
        path: The file.
        rate: Rate in Hz; default: that of the points. Analog channels are resampled with an
            anti-alias filter; EMG (channels in volts or named so) becomes linear envelopes, because
            raw EMG does not survive a lower rate.

    Returns:
        Points, model outputs, forces and analog channels, with the events.
    """
    points, forces, analog, model, events, kept = read_c3d(path)
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
        parts = [part for part in (points, model, forces, analog) if part is not None]
        whole, *rest = [part.resample(parts[0].rate if rate is None else rate) for part in parts]
        for part in rest:
            shared = min(len(whole.values), len(part.values))
            whole, part = (replace(r, values=r.values[:shared]) for r in (whole, part))
            taken = {name: f"{name}_2" for name in part.channels if name in whole.channels}
            whole = whole.join(part.rename(taken))
        return replace(whole, events=events, meta={**kept, **whole.meta})
    except DataError as error:
        raise files.bad(path, str(error)) from None


def _metadata(table: c3d_file.Parameters) -> dict[str, str]:
    """What `write_c3d` keeps; nothing where it is absent or damaged."""
    try:
        found = json.loads("".join(table.texts("JAXDIFF:METADATA")) or "{}")
    except (ValueError, RecursionError):
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _frame_count(table: c3d_file.Parameters, first: int, last: int) -> int:
    """From the header, or where its 16 bits do not reach, from TRIAL:ACTUAL_*_FIELD (low and high
    word).
    """
    ends = [table.numbers(f"TRIAL:ACTUAL_{end}_FIELD").reshape(-1) for end in ("START", "END")]
    if last == 0xFFFF and all(len(end) >= 2 and np.isfinite(end).all() for end in ends):
        low, high = (int(end[0]) % 65536 + 65536 * (int(end[1]) % 65536) for end in ends)
        return high - low + 1
    long = table.number("POINT:LONG_FRAMES", 0.0)
    return int(long) if last == 0xFFFF and 0 < long < 1e9 else last - first + 1


def _labels(table: c3d_file.Parameters, group: str, count: int) -> list[str]:
    """Names of points or channels (beyond 255 in LABELS2, ...); unnamed and repeated ones are
    numbered.
    """
    shown = [name for key in ("", *range(2, 20)) for name in table.texts(f"{group}:LABELS{key}")]
    names: dict[str, None] = {}
    for i in range(count):
        name = shown[i] if i < len(shown) and shown[i] else f"{group.lower()}_{i + 1}"
        names[name if name not in names else f"{name}_{i + 1}"] = None
    return [*names, *(f"{group.lower()}_{i + 1}_" for i in range(len(names), count))]


_KINDS = {"ANGLE": "deg", "MOMENT": "N mm", "FORCE": "N", "POWER": "W", "SCALAR": ""}


def _model_units(
    path: str | os.PathLike, table: c3d_file.Parameters, labels: list[str], where: np.ndarray
) -> dict[int, str]:
    """The unit of every point that is a model output and no place."""
    index = {name: j for j, name in enumerate(labels)}
    found: dict[int, str] = {}
    for kind, usual in _KINDS.items():
        shown = [n for key in ("", *range(2, 9)) for n in table.texts(f"POINT:{kind}S{key}")]
        own = [index[name] for name in dict.fromkeys(shown) if name in index]
        unit = canonical((table.texts(f"POINT:{kind}_UNITS") or [usual])[0] or usual)
        per_mass = {"N mm": "N mm/kg", "N": "N/kg"}.get(unit)
        if kind == "MOMENT" and own and per_mass and plausible.size(where[:, own]) < 9500:
            warnings.warn(
                f"{path}: moments are stated in {unit}, but they are small: read as {per_mass}, as"
                " Plug-in Gait writes them",
                DataWarning,
                stacklevel=4,
            )
            unit = per_mass
        found |= dict.fromkeys(own, unit)
    return found


def _events(path: str | os.PathLike, table: c3d_file.Parameters) -> tuple[Event, ...]:
    """The EVENT group: labels, contexts, and times as minutes and seconds."""
    labels, contexts = table.texts("EVENT:LABELS"), table.texts("EVENT:CONTEXTS")
    times = table.numbers("EVENT:TIMES")
    times = times[:, None] if times.ndim == 1 and len(times) == 2 else times
    if times.ndim != 2 or len(times) != 2:
        return ()
    seconds = 60 * times[0].astype(np.float64) + times[1]
    if not (np.abs(seconds) < 1e9).all():
        raise files.bad(path, "an event has no usable time")
    contexts += [""] * len(labels)
    return tuple(
        exports.event(n, c, round(float(t), 6)) for n, c, t in zip(labels, contexts, seconds)
    )


def _plates(
    table: c3d_file.Parameters, analog: np.ndarray, length: str
) -> tuple[_Channels, set[int]]:
    """Values, names and units of all plates that are understood, and the analog channels they were
    made of.
    """
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

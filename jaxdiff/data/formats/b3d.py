"""AddBiomechanics files (`.b3d`): several trials of one person, each as a recording.

The file is an eight-byte length, a header message, and frames of constant size: for each frame of
each trial one sensor frame and one frame per processing pass. The last pass is read. A recording
has

* the joint coordinates of the OpenSim model (`hip_flexion_r` in rad, `pelvis_tx` in m),
* their generalised forces (`hip_flexion_r_moment` in N m, `pelvis_tx_force` in N),
* the ground reaction of every contact body (`ground_force_calcn_r_vx` in N,
  `ground_force_calcn_r_px` in m).

Where the file marks ground forces as missing, forces and moments are gaps. Sex, age, height and
mass of the person and the reasons for missing forces are in the metadata.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import NamedTuple

import numpy as np

from jaxdiff.data.formats import files, protobuf
from jaxdiff.data.recording import Recording
from jaxdiff.errors import DataError, FileError

REASONS = (
    "not missing",
    "measured zero while accelerating",
    "unmeasured external force",
    "torque discrepancy",
    "force discrepancy",
    "not over a force plate",
    "missing impact",
    "missing blip",
    "shifted",
    "interpolated, clipped",
    "manual review",
    "contact without force",
    "marker error too high",
    "outliers",
    "no force plate data",
    "velocities too high",
    "centre of pressure outside the foot",
    "zero-force frame",
    "extended to the nearest peak",
)
"""Why the force of a frame is missing, by the number in the file."""
_SEXES = ("unknown", "male", "female")
_COORDINATE = re.compile(r'<Coordinate name="([^"<>]{1,200})"')
_POSITION, _TORQUE, _WRENCH, _PRESSURE, _FORCE = 1, 4, 5, 6, 8
_LOADED = 20.0
"""Newtons; below this vertical force the centre of pressure is unknown."""


class _Trial(NamedTuple):
    name: str
    frames: int
    step: float
    reasons: list[int]
    passes: int


def read_b3d(path: str | os.PathLike, rate: float | None = None) -> Recording | list[Recording]:
    """Reads an AddBiomechanics file.

    Args:
        path: The file.
        rate: Rate in Hz to resample to.

    Returns:
        One recording, or a list of them where the file holds several trials.

    Raises:
        FileError: If the file is damaged.
    """
    content = memoryview(files.read_bytes(path))
    if len(content) < 8:
        raise files.bad(path, "is too short for an AddBiomechanics file")
    size = int.from_bytes(content[:8], "little")
    if not 0 < size <= len(content) - 8:
        raise files.bad(
            path,
            "announces a header longer than the file; it is cut off or no AddBiomechanics file",
        )
    try:
        found = [
            files.at_rate(path, each, rate)
            for each in _trials(path, content[8 : 8 + size], content[8 + size :])
        ]
    except FileError:
        raise
    except DataError as error:
        raise files.bad(path, str(error)) from None
    return found[0] if len(found) == 1 else found


def _trials(path: str | os.PathLike, head: memoryview, body: memoryview) -> list[Recording]:
    header = protobuf.message(head)
    dofs = protobuf.integer(header, 1)
    raw, each = protobuf.integer(header, 3), protobuf.integer(header, 4)
    models = [protobuf.message(p) for p in header.get(5, []) if not isinstance(p, int)]
    trials = [_trial(p) for p in header.get(9, []) if not isinstance(p, int)]
    passes = max([len(models), *(t.passes for t in trials)], default=0)
    if not trials or not 0 < dofs <= 10000 or passes < 1 or min(raw, each) < 0 or each == 0:
        raise DataError("the header names no trials, coordinates or processing passes")
    stride = raw + passes * each
    total = sum(trial.frames for trial in trials)
    if min(trial.frames for trial in trials) < 1 or total * stride > len(body):
        raise DataError(
            f"the header announces {total} frames of {stride} bytes, the file has {len(body)} bytes"
            " for them"
        )
    bodies = protobuf.texts(header, 6)[:100]
    names = _coordinates(models, dofs)
    person = _person(header)
    made, at = [], 0
    for trial in trials:
        frames = np.frombuffer(body, np.uint8, trial.frames * stride, at).reshape(trial.frames, -1)
        at += trial.frames * stride
        last = frames[:, raw + (passes - 1) * each :]
        made.append(_recording(trial, last, names, bodies, person))
    return made


def _trial(data: memoryview) -> _Trial:
    found = protobuf.message(data)
    name = (protobuf.texts(found, 1) or protobuf.texts(found, 10) or [""])[0]
    step = protobuf.real(found, 4)
    if not 1e-6 < step < 1e3:
        raise DataError(f"the time step of the trial {name[:60]!r} is {step} s")
    return _Trial(
        name, protobuf.integer(found, 3), step, protobuf.integers(found, 2), len(found.get(5, []))
    )


def _recording(
    trial: _Trial, frames: np.ndarray, names: list[str], bodies: list[str], person: dict[str, str]
) -> Recording:
    dofs, feet = len(names), len(bodies)
    widths = {
        _POSITION: dofs,
        _TORQUE: dofs,
        _WRENCH: 6 * feet,
        _PRESSURE: 3 * feet,
        _FORCE: 3 * feet,
    }
    position, torque, wrench, pressure, force = _arrays(frames, widths)
    force, pressure = _contact(wrench, pressure, force)
    missing = np.zeros(trial.frames, bool)
    reasons = np.array(trial.reasons[: trial.frames], np.int64)
    missing[: len(reasons)] = reasons != 0
    for values in (torque, pressure, force):
        values[missing] = np.nan
    shifts = [re.search(r"_t[xyz]$", name) is not None for name in names]
    channels = list(names)
    units = ["m" if shift else "rad" for shift in shifts]
    channels += [f"{n}_{'force' if shift else 'moment'}" for n, shift in zip(names, shifts)]
    units += ["N" if shift else "N m" for shift in shifts]
    for values, letter, unit in ((force, "v", "N"), (pressure, "p", "m")):
        channels += [f"ground_force_{body}_{letter}{axis}" for body in bodies for axis in "xyz"]
        units += [unit] * values.shape[1]
    stated = Counter(int(r) for r in reasons if r)
    why = ", ".join(f"{REASONS[r] if r < len(REASONS) else r}: {n}" for r, n in stated.items())
    values = np.concatenate([position, torque, force, pressure], axis=1)
    if np.isinf(values).any():
        raise DataError(f"the trial {trial.name[:60]!r} holds infinities")
    rate = 1 / trial.step
    whole = round(rate, 6)
    meta = {"trial": trial.name, **person, **({"missing forces": why} if why else {})}
    return Recording(values, tuple(channels), tuple(units), whole or rate, 0.0, meta)


def _contact(
    wrench: np.ndarray, pressure: np.ndarray, force: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Force and centre of pressure of every foot; from the wrench about the origin where a file has
    only that.
    """
    parts = wrench.reshape(len(wrench), -1, 6)
    if not np.nan_to_num(force).any():
        force = parts[..., 3:].reshape(len(wrench), -1).copy()
    upward = force.reshape(len(force), -1, 3)[..., 1]
    loaded = np.abs(upward) > _LOADED
    if not np.nan_to_num(pressure).any():
        divisor = np.where(loaded, upward, np.nan)
        place = [parts[..., 2] / divisor, 0 * divisor, -parts[..., 0] / divisor]
        pressure = np.stack(place, axis=-1).reshape(len(wrench), -1)
    else:
        pressure = np.where(np.repeat(loaded, 3, axis=1), pressure, np.nan)
    return force, pressure


def _arrays(frames: np.ndarray, wanted: dict[int, int]) -> list[np.ndarray]:
    """Packed fields of doubles of every frame, {number: width}; frames normally have one layout and
    are sliced.
    """
    frames = np.ascontiguousarray(frames)
    data = memoryview(frames[0].tobytes())
    places = {
        n: at
        for n, wire, value, at in protobuf.fields(data)
        if wire == protobuf.BYTES
        and not isinstance(value, int)
        and len(value) == 8 * wanted.get(n, -1)
    }
    fixed = np.ones(frames.shape[1], bool)
    for number, at in places.items():
        fixed[at : at + 8 * wanted[number]] = False
    # Tags and lengths stand in the first bytes before each payload; equal ones mean an equal layout.
    tags = [t for n, at in places.items() for t in range(max(0, at - 3), at) if fixed[t]]
    found = []
    if len(places) == len(wanted) and (frames[:, tags] == frames[0, tags]).all():
        for number, width in wanted.items():
            piece = np.ascontiguousarray(frames[:, places[number] : places[number] + 8 * width])
            found.append(piece.view("<f8").astype(np.float64).reshape(len(frames), width))
        return found
    rows = [memoryview(row.tobytes()) for row in frames]
    for number, width in wanted.items():
        found.append(np.array([protobuf.doubles(row, number, width) for row in rows], np.float64))
    return found


def _coordinates(models: list, dofs: int) -> list[str]:
    """Coordinates in the order of the OpenSim model; numbered if the model does not tell as many as
    there are.
    """
    for model in reversed(models):
        text = (protobuf.texts(model, 2) or [""])[0]
        names = list(dict.fromkeys(_COORDINATE.findall(text)))
        free = [name for name in names if not name.endswith("_beta")]
        for found in (names, free):
            if len(found) == dofs:
                return found
    return [f"coordinate_{i + 1}" for i in range(dofs)]


def _person(header: dict) -> dict[str, str]:
    sex = protobuf.integer(header, 13)
    sex = (protobuf.texts(header, 13) or [_SEXES[sex] if 0 <= sex < 3 else "unknown"])[0]
    found = {"sex": sex if sex != "unknown" else ""}
    for name, number, unit in (("height", 14, "m"), ("mass", 15, "kg")):
        value = protobuf.real(header, number)
        found[name] = f"{value:g} {unit}" if 0 < value < 1000 else ""
    age = protobuf.integer(header, 16)
    found["age"] = str(age) if 0 < age < 200 else ""
    found["source"] = (protobuf.texts(header, 11) or [""])[0][:200]
    return {name: text for name, text in found.items() if text}

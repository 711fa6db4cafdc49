"""Published recordings of real people as strides of the model; what was not measured is NaN.

* Hood et al., Scientific Data 7:150 (2020): ankle angles and moments of nine above-knee amputees at
  five speeds.
* Verheul et al., J Sports Sci 42 (2024): stance phases of braking from a sprint, 11 people. Not
  walking.
* The CMU Graphics Lab Motion Capture Database: joint positions of walks, from which sagittal angles
  are computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxdiff.data.recording import Recording
from jaxdiff.data.units import GRAVITY
from jaxdiff.errors import DataError, FileError
from jaxdiff.methods.gait_law import Modality
from jaxdiff.studies.gait.recordings import read_strides
from jaxdiff.studies.gait.strides import Strides

STANCE = 60
"""Samples of a stride of 100 on which a recorded stance phase is laid."""
SAGITTAL = ("hip_flexion", "knee_flexion", "ankle_dorsiflexion")
MOMENTS = ("hip_extension_moment", "knee_extension_moment", "ankle_plantarflexion_moment")
FORCES = ("grf_forward", "grf_medial", "grf_normal")
LEGS = {"r": "right", "l": "left"}


def hood(path: str | Path, layout: Sequence[Modality]) -> Strides:
    """Mean strides of nine amputees at five speeds: both ankles, speed, mass, stature; `r` is the
    prosthetic leg.

    The intact leg, recorded from its own foot strike, is taken to follow by half a stride.
    """
    data = _opened(path)
    keys = sorted(set(zip(data["subject"].tolist(), data["speed_nominal"].tolist())))
    found = _empty(layout, len(keys), [name for name, _ in keys])
    for row, (subject, speed) in enumerate(keys):
        for at in np.flatnonzero((data["subject"] == subject) & (data["speed_nominal"] == speed)):
            leg = "r" if data["side"][at] == "ipsilateral" else "l"
            turn = 0 if leg == "r" else 50
            _put(
                found,
                row,
                "angles",
                f"ankle_dorsiflexion_{leg}",
                np.roll(data["angle"][at, :-1], turn),
            )
            moment = -np.roll(data["moment"][at, :-1], turn)
            _put(found, row, "moments", f"ankle_plantarflexion_moment_{leg}", moment)
            for name, value in (
                ("speed", speed),
                ("mass", data["mass"][at]),
                ("stature", data["height"][at]),
            ):
                _put(found, row, "scalars", name, value)
    return found


def verheul(path: str | Path, layout: Sequence[Modality]) -> Strides:
    """110 stance phases of braking: sagittal angles and moments, and the force, of the leg on the
    ground.
    """
    data = _opened(path)
    found = _empty(layout, len(data["subject"]), data["subject"].tolist())
    old, new = np.linspace(0, 1, data["angles"].shape[1]), np.linspace(0, 1, STANCE)
    groups = (("angles", SAGITTAL, 1.0), ("moments", MOMENTS, -1.0), ("grf", FORCES, GRAVITY))
    for name, channels, factor in groups:
        for i, channel in enumerate(channels):
            for row, curve in enumerate(data[name][..., i]):
                padded = np.full(100, np.nan)
                padded[:STANCE] = factor * np.interp(new, old, curve)
                _put(found, row, name, f"{channel}_r", padded)
    return found


def cmu(path: str | Path, layout: Sequence[Modality]) -> Strides:
    """Strides of the walks on level ground: sagittal angles of both legs, the thigh's to the
    vertical.
    """
    data = _opened(path)
    names = data["joint_names"].tolist()
    rest = {name: data["bone_offsets"][names.index(name)] for name in names}
    parts = []
    for clip, caption in enumerate(data["captions"].tolist()):
        if caption not in ("walk", "slow walk"):
            continue
        positions = data["positions"][data["offsets"][clip] : data["offsets"][clip + 1]]
        angles = _sagittal(positions.astype(float), names, rest)
        try:
            given = read_strides(Recording(*angles, float(data["fps"])), layout, side="right")
        except DataError:  # shorter than a stride
            continue
        values = {n: np.where(given.masks[n], x, np.nan) for n, x in given.values.items()}
        parts.append((values, [int(data["subject"][clip])] * len(given)))
    values = {p.name: np.concatenate([part[p.name] for part, _ in parts]) for p in layout}
    people = np.array([person for _, each in parts for person in each])
    return Strides(values, people, *_names(layout))


def _sagittal(
    positions: np.ndarray, names: Sequence[str], rest: dict[str, np.ndarray]
) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Values, channels and units of hip, knee and ankle angles in the plane of the direction of
    walking.
    """
    way = (positions[-1, 0] - positions[0, 0]) * np.array([1.0, 0, 1.0])
    ahead = way / np.linalg.norm(way)

    def angle(v: np.ndarray, forward: np.ndarray) -> np.ndarray:
        return np.degrees(np.unwrap(np.arctan2(v @ forward, -v[..., 1]), axis=0))

    columns, channels = [], []
    for leg in "rl":
        joints = [positions[:, names.index(leg + n)] for n in ("Thigh", "Shin", "Foot", "FootEnd")]
        thigh, shank, foot = (angle(b - a, ahead) for a, b in zip(joints, joints[1:]))
        ahead_at_rest = np.array([0, 0, 1.0])
        still = [np.atleast_2d(rest[leg + n]) for n in ("Foot", "FootEnd")]
        neutral = angle(still[1], ahead_at_rest) - angle(still[0], ahead_at_rest)
        columns += [thigh, thigh - shank, foot - shank - neutral]
        channels += [f"{name}_{leg}" for name in SAGITTAL]
    return np.stack(columns, axis=1), tuple(channels), ("deg",) * len(channels)


def _opened(path: str | Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise FileError(f"{path} cannot be read: {error}") from None


def _empty(layout: Sequence[Modality], count: int, subjects: Sequence[str]) -> Strides:
    values = {p.name: np.full((count, p.steps, len(p.channels)), np.nan) for p in layout}
    return Strides(values, np.array(subjects), *_names(layout))


def _names(layout: Sequence[Modality]) -> tuple[dict[str, tuple[str, ...]], ...]:
    return {p.name: p.channels for p in layout}, {p.name: p.units for p in layout}


def _put(strides: Strides, row: int, name: str, channel: str, values: np.ndarray | float) -> None:
    strides.values[name][row, :, strides.channels[name].index(channel)] = values

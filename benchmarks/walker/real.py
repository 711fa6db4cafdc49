"""Strides of real people from the shared data sets, on 100 phases, in the signs of the simulated
walker.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

POINTS = 100
GRAVITY = 9.81


class Examples(NamedTuple):
    """Inputs x [n, 100, d], targets y [n, 100, e] with their names, and the subject of each row."""

    x: np.ndarray
    y: np.ndarray
    targets: tuple[str, ...]
    subject: np.ndarray


def shared(name: str) -> Path:
    """A file of the shared data.

    Raises:
        FileNotFoundError: If it is not there.
    """
    path = Path(os.environ.get("JAXDIFF_SHARED", "../shared")) / "data" / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; set JAXDIFF_SHARED to the folder with data/")
    return path


def over_stride(time: np.ndarray, values: np.ndarray, start: float, end: float) -> np.ndarray:
    """Values [T, C] at 100 phases of the stride from `start` to `end` seconds."""
    at = start + (end - start) * np.arange(POINTS) / POINTS
    return np.stack([np.interp(at, time, column) for column in values.T], axis=1)


def centred(curves: np.ndarray) -> np.ndarray:
    """Curves [n, 100, c] without their means over the stride."""
    return curves - curves.mean(1, keepdims=True)


def _sto(path: Path) -> dict[str, np.ndarray]:
    lines = path.read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line.strip() == "endheader") + 1
    names = lines[first].split()
    rows = np.array(
        [[float(v) for v in line.split()] for line in lines[first + 1 :] if line.strip()]
    )
    return dict(zip(names, rows.T))


def opensim_walk() -> tuple[Examples, Examples]:
    """Angles to moments (Nm/kg) and to ground reaction (N/kg) of OpenSim's subject01, both legs."""
    folder, mass = shared("opensim_walk"), 72.6
    motion = _sto(folder / "gait10dof18musc_walk_IK.mot")
    torque = _sto(folder / "gait10dof18musc_walk_ID.sto")
    plates = _sto(folder / "gait10dof18musc_walk_grf.mot")
    seconds = motion["time"]
    forces = {
        plate: np.stack([plates[f"{plate}ground_force_v{axis}"] for axis in "xy"], axis=1)
        for plate in ("", "1_")
    }
    angles, moments, reactions = [], [], []
    for side in "rl":
        ankle = np.interp(plates["time"], torque["time"], -torque[f"ankle_angle_{side}_moment"])
        plate = max(forces, key=lambda p: np.corrcoef(forces[p][:, 1], ankle)[0, 1])
        loaded = forces[plate][:, 1] > 30.0
        strikes = plates["time"][np.flatnonzero(np.diff(loaded.astype(int)) == 1)]
        leg = [motion[f"hip_flexion_{side}"], -motion[f"knee_angle_{side}"]]
        leg.append(motion[f"ankle_angle_{side}"])
        internal = [-torque[f"hip_flexion_{side}_moment"], torque[f"knee_angle_{side}_moment"]]
        internal.append(-torque[f"ankle_angle_{side}_moment"])
        for start, end in zip(strikes, strikes[1:]):
            angles.append(over_stride(seconds, np.stack(leg, 1), start, end))
            moments.append(over_stride(torque["time"], np.stack(internal, 1), start, end) / mass)
            reactions.append(over_stride(plates["time"], forces[plate], start, end) / mass)
    x, subject = np.stack(angles), np.zeros(len(angles), int)
    return (
        Examples(x, np.stack(moments), ("hip moment", "knee moment", "ankle moment"), subject),
        Examples(x, np.stack(reactions), ("forward force", "normal force"), subject),
    )


def hood() -> Examples:
    """Ankle angle and speed to ankle moment, 9 people with an above-knee prosthesis, both legs,
    five speeds.
    """
    with np.load(shared("hood2020_k3.npz")) as file:
        angle, moment = file["angle"][:, :POINTS], -file["moment"][:, :POINTS]
        speed = np.broadcast_to(file["speed_nominal"][:, None], angle.shape)
        subject = np.array([f"{s} {side[:5]}" for s, side in zip(file["subject"], file["side"])])
    return Examples(np.stack([angle, speed], -1), moment[..., None], ("ankle moment",), subject)


def cmu() -> Examples:
    """Pitch of both thighs to knee flexion and shank pitch of one leg, in the walks of the CMU
    database.
    """
    with np.load(shared("cmu_mocap.npz")) as file:
        joints = {str(name): i for i, name in enumerate(file["joint_names"])}
        positions, offsets = file["positions"], file["offsets"]
        captions, subjects, fps = file["captions"], file["subject"], float(file["fps"])
    x, y, who = [], [], []
    for clip in np.flatnonzero(np.isin(captions, ("walk", "slow walk"))):
        p = positions[offsets[clip] : offsets[clip + 1]].astype(float)
        time = np.arange(len(p)) / fps
        travel = p[-1, joints["hip"]] - p[0, joints["hip"]]
        travel[1] = 0.0
        if np.linalg.norm(travel) < 1.0:
            continue
        ahead = travel / np.linalg.norm(travel)
        pitch = {}
        for side in "lr":
            for name, top, bottom in (("thigh", "Thigh", "Shin"), ("shank", "Shin", "Foot")):
                along = p[:, joints[f"{side}{top}"]] - p[:, joints[f"{side}{bottom}"]]
                # Positive where the lower end is ahead, as in flexion of the hip.
                pitch[side, name] = np.rad2deg(np.arctan2(-along @ ahead, along[:, 1]))
        for side, other in (("l", "r"), ("r", "l")):
            reach = (p[:, joints[f"{side}Foot"]] - p[:, joints["hip"]]) @ ahead
            inner = (reach[1:-1] > reach[:-2]) & (reach[1:-1] >= reach[2:]) & (reach[1:-1] > 0.1)
            strikes = time[1:-1][inner]
            for start, end in zip(strikes, strikes[1:]):
                if not 0.7 < end - start < 2.0:
                    continue
                thighs = np.stack([pitch[side, "thigh"], pitch[other, "thigh"]], 1)
                shank = pitch[side, "shank"]
                wanted = np.stack([pitch[side, "thigh"] - shank, shank], 1)
                x.append(over_stride(time, thighs, start, end))
                y.append(over_stride(time, wanted, start, end))
                who.append(int(subjects[clip]))
    # The conversion retargets all people to one figure with bent knees, so only the shapes are compared.
    return Examples(
        centred(np.stack(x)), centred(np.stack(y)), ("knee flexion", "shank pitch"), np.array(who)
    )

"""Simulated activations of eight muscles from joint motion, in the order of Muscles in Action
(Chiquier et al. 2023).

Point masses on the segments and Newton's law give the moment that muscles must exert about knee,
hip and elbow,

    M = sum_i m_i (r_i - r_joint) x (a_i + g)  -  (c - r_joint) x F,

where i runs over the segments beyond the joint and F, the share of the ground's force that this
foot bears, acts at c below the zero-moment point. Each muscle takes the part of its moments it can
produce, relative to its strength, through first-order activation dynamics. A plausible stand-in for
recordings of surface EMG, not a recording: no noise, no fatigue, no co-ordination beyond a little
co-contraction, and nothing but the floor to lean on: a chair is not seen.
"""

from __future__ import annotations

import numpy as np

from jaxdiff.body.actions.tracks import ease, smooth
from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.errors import DataError

MUSCLES = (
    "right_quadriceps",
    "left_quadriceps",
    "right_hamstrings",
    "left_hamstrings",
    "right_gluteus",
    "left_gluteus",
    "left_biceps",
    "right_biceps",
)
STRENGTH = {"quadriceps": 2.0, "hamstrings": 1.4, "gluteus": 2.0, "biceps": 0.1}
"""N m per kg of body at which a muscle is at 63 % of its range; the biceps' is low, so that
unloaded arms show.
"""
RISE, FALL = 0.03, 0.08
"""Time constants of activation and relaxation, s."""
GRAVITY = np.array([0.0, 9.81, 0.0])

SEGMENTS = {
    "trunk": ("hips", "shoulders", 0.66, 0.578),
    **{
        f"{side}_{name}": (f"{side}_{start}", f"{side}_{end}", share, mass)
        for side in ("left", "right")
        for name, start, end, share, mass in (
            ("thigh", "hip", "knee", 0.433, 0.1),
            ("shank", "knee", "ankle", 0.433, 0.0465),
            ("sole", "ankle", "foot", 0.5, 0.0145),
            ("arm", "shoulder", "elbow", 0.436, 0.028),
            ("forearm", "elbow", "wrist", 0.682, 0.022),
        )
    },
}
"""From, to, place of the centre of mass between them, share of the body's mass (Winter 2009; hands
with forearms).
"""


def activations(joints: np.ndarray, fps: float) -> np.ndarray:
    """Joint positions (T, 22, 3) in metres, y up, floor at 0 -> activations (T, 8) between 0 and 1,
    as in MUSCLES.
    """
    if joints.ndim != 3 or joints.shape[1:] != (22, 3) or len(joints) < 3:
        raise DataError(
            f"muscle activations need joints (T >= 3, 22, 3) of HumanML3D; got {joints.shape}"
        )
    place = dict(
        zip(HUMANML3D.names, smooth(np.asarray(joints, np.float64), 0.05 * fps).swapaxes(0, 1))
    )
    for pair in ("hip", "shoulder"):
        place[f"{pair}s"] = (place[f"left_{pair}"] + place[f"right_{pair}"]) / 2
    centre = {
        name: place[a] + share * (place[b] - place[a])
        for name, (a, b, share, _) in SEGMENTS.items()
    }
    load = {
        name: SEGMENTS[name][3] * (_acceleration(path, fps) + GRAVITY)
        for name, path in centre.items()
    }
    ground = _ground(place, centre, load)
    left = _unit(place["left_hip"] - place["right_hip"])

    drive = {}
    for side in ("left", "right"):
        moment = {}
        for joint, beyond in (("hip", ("thigh", "shank", "sole")), ("knee", ("shank", "sole"))):
            at = place[f"{side}_{joint}"]
            total = np.sum(
                [np.cross(centre[f"{side}_{s}"] - at, load[f"{side}_{s}"]) for s in beyond], axis=0
            )
            contact, force = ground[side]
            moment[joint] = _dot(total - np.cross(contact - at, force), left)
        extend_hip, extend_knee = moment["hip"], -moment["knee"]
        elbow = place[f"{side}_elbow"]
        fore, upper = place[f"{side}_wrist"] - elbow, elbow - place[f"{side}_shoulder"]
        hinge = np.cross(upper, fore)
        hinge /= np.maximum(np.linalg.norm(hinge, axis=-1, keepdims=True), 0.01)
        bend_elbow = _dot(
            np.cross(centre[f"{side}_forearm"] - elbow, load[f"{side}_forearm"]), hinge
        )
        drive[f"{side}_quadriceps"] = _positive(extend_knee) + 0.25 * _positive(-extend_hip)
        drive[f"{side}_hamstrings"] = 0.7 * _positive(-extend_knee) + 0.35 * _positive(extend_hip)
        drive[f"{side}_hamstrings"] += 0.06 * drive[f"{side}_quadriceps"]
        drive[f"{side}_gluteus"] = _positive(extend_hip)
        drive[f"{side}_biceps"] = _positive(bend_elbow, 0.01)
    excitation = np.stack(
        [1 - np.exp(-drive[name] / STRENGTH[name.split("_")[1]]) for name in MUSCLES], axis=-1
    )
    return _activate(excitation, 1 / fps).astype(np.float32)


def _acceleration(path: np.ndarray, fps: float) -> np.ndarray:
    inner = (path[2:] - 2 * path[1:-1] + path[:-2]) * fps**2
    return np.concatenate([inner[:1], inner, inner[-1:]])


def _ground(place: dict, centre: dict, load: dict) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Where and how hard (per kg) the ground pushes each foot: nothing in flight, shared by the
    zero-moment point.
    """
    force = np.sum(list(load.values()), axis=0)
    body = np.sum([SEGMENTS[name][3] * path for name, path in centre.items()], axis=0)
    target = (body - body[:, 1:2] * force / np.maximum(force[:, 1:2], 2.0)) * [1, 0, 1]
    feet = {
        side: (place[f"{side}_ankle"] * [1, 0, 1], place[f"{side}_foot"] * [1, 0, 1])
        for side in ("left", "right")
    }
    middle = {side: (heel + ball) / 2 for side, (heel, ball) in feet.items()}
    across = middle["right"] - middle["left"]
    right = np.clip(
        _dot(target - middle["left"], across) / np.maximum(_dot(across, across), 1e-4), 0, 1
    )
    share = {}
    for side, weight in (("left", 1 - right), ("right", right)):
        height = np.minimum(place[f"{side}_foot"][:, 1], place[f"{side}_ankle"][:, 1] - 0.03)
        share[side] = (weight + 0.05) * (1 - ease((height - 0.015) / 0.05))
    total = np.maximum(share["left"] + share["right"], 1e-6)
    push = force * (force[:, 1:2] > 0) * np.minimum(total / 0.05, 1.0)[:, None]
    result = {}
    for side, (heel, ball) in feet.items():
        sole = ball - heel
        along = np.clip(_dot(target - heel, sole) / np.maximum(_dot(sole, sole), 1e-4), -0.35, 1.05)
        result[side] = heel + along[:, None] * sole, push * (share[side] / total)[:, None]
    return result


def _activate(excitation: np.ndarray, dt: float) -> np.ndarray:
    """da/dt = (u - a) / tau, solved exactly over each frame; from rest at the first frame's
    excitation.
    """
    rise, fall = np.exp(-dt / RISE), np.exp(-dt / FALL)
    result = np.empty_like(excitation)
    level = result[0] = excitation[0]
    for i in range(1, len(excitation)):
        target = excitation[i]
        level = result[i] = target + (level - target) * np.where(target > level, rise, fall)
    return result


def _positive(moment: np.ndarray, softness: float = 0.05) -> np.ndarray:
    return softness * np.logaddexp(0, moment / softness)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(-1)


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)

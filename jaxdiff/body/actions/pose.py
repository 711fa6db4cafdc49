"""From a few dozen curves to 22 joints: forward kinematics above the hips, two-bone inverse
kinematics below.

With thigh a, shank b and a hip-ankle line of length d along e, the knee lies at

    hip + p e + sqrt(a^2 - p^2) n,     p = (a^2 - b^2 + d^2) / 2 d,

n being the normal to e in the plane the leg bends in. Feet stay where the curves put them; where a
leg would be too short, the pelvis sinks, smoothly. Bone lengths are those of the skeleton in every
frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxdiff.body.actions.tracks import ease, smooth
from jaxdiff.body.rotations import about, multiply, normalise, rotate
from jaxdiff.body.skeleton import HUMANML3D, forward_kinematics

LEFT, RIGHT = 0, 1
SIDE = np.array([1.0, -1.0])
"""x of the left and the right."""

BONES = dict(zip(HUMANML3D.names, HUMANML3D.offsets.astype(np.float64)))
THIGH, SHANK = (float(np.linalg.norm(BONES[name])) for name in ("left_knee", "left_ankle"))
FOOT = np.stack([BONES["left_foot"], BONES["right_foot"]])
REACH = 0.992 * (THIGH + SHANK)
"""The longest hip-ankle distance a leg takes: knees never lock."""
STANDING = -BONES["left_hip"][1] - FOOT[0, 1] + REACH
"""The height of the pelvis of a standing figure."""


@dataclass
class Pose:
    """Curves over T frames; angles in radians, lengths in metres. The second axis of limbs is left,
    right.
    """

    root: np.ndarray
    """(T, 3) pelvis."""
    pelvis: np.ndarray
    """(T, 3) heading, forward tilt, list (left side up)."""
    trunk: np.ndarray
    """(T, 3) turn to the left, forward bend, bend to the left, over the spine."""
    head: np.ndarray
    """(T, 3) the same for neck and head."""
    arms: np.ndarray
    """(T, 2, 4) shoulder flexion, abduction, outward rotation, elbow flexion."""
    feet: np.ndarray
    """(T, 2, 3) the balls of the feet."""
    soles: np.ndarray
    """(T, 2, 2) heading, heel rise."""


STANCE = np.stack([SIDE * 0.1, np.full(2, 0.105)], axis=-1)
"""Where the balls of the feet rest relative to the pelvis: (2, [x, z])."""


def standing(frames: int, width: float = 0.1) -> Pose:
    """Upright and still at the origin, facing +z, arms hanging, feet `width` to either side."""
    zeros = lambda *shape: np.zeros((frames, *shape))  # noqa: E731
    pose = Pose(zeros(3), zeros(3), zeros(3), zeros(3), zeros(2, 4), zeros(2, 3), zeros(2, 2))
    pose.root[:, 1] = STANDING
    pose.feet[..., [0, 2]] = STANCE * [width / 0.1, 1]
    pose.soles[..., 0] = SIDE * np.radians(8)
    pose.arms[:] = np.radians([3, 9, 0, 14])
    return pose


def ball_to_ankle(soles: np.ndarray) -> np.ndarray:
    """From the ball of each foot to its ankle, (..., 2, 3), for headings and heel rises (..., 2,
    2).
    """
    return -rotate(multiply(about("y", soles[..., 0]), about("x", soles[..., 1])), FOOT)


def joints_from_pose(pose: Pose) -> np.ndarray:
    """(T, 22, 3), float64."""
    pelvis = multiply(
        about("y", pose.pelvis[:, 0]),
        multiply(about("x", pose.pelvis[:, 1]), about("z", pose.pelvis[:, 2])),
    )
    hips = rotate(pelvis[:, None], np.stack([BONES["left_hip"], BONES["right_hip"]]))
    ankles = pose.feet + ball_to_ankle(pose.soles)
    in_air = ease(pose.feet[..., 1:2] / 0.1)
    root = pose.root - _sink(pose.root[:, None] + hips - ankles, 1 - in_air) * [0, 1, 0]
    joints = _upper_body(pose, pelvis, root)
    hips = hips + root[:, None]
    fold = _fold(ankles - hips, in_air)
    ankles = ankles - fold
    joints[:, [1, 2]], joints[:, [7, 8]], joints[:, [10, 11]] = hips, ankles, pose.feet - fold
    ahead = about("y", pose.soles[..., 0]) + about("y", pose.pelvis[:, None, 0])
    joints[:, [4, 5]] = _knees(hips, ankles, rotate(normalise(ahead), np.array([1.0, 0, 0])))
    return joints


def _upper_body(pose: Pose, pelvis: np.ndarray, root: np.ndarray) -> np.ndarray:
    local = np.zeros((len(root), 22, 4))
    local[..., 0] = 1
    local[:, 0] = pelvis
    local[:, [3, 6, 9]] = _spine(pose.trunk / 3)[:, None]
    local[:, [12, 15]] = _spine(pose.head / 2)[:, None]
    flexion, abduction, outward, elbow = np.moveaxis(pose.arms, -1, 0)
    swing = multiply(about("x", -flexion), about("z", SIDE * abduction))
    local[:, [16, 17]] = multiply(swing, about("y", SIDE * outward))
    local[:, [18, 19]] = about("x", -elbow)
    return forward_kinematics(HUMANML3D, local, root)


def _spine(angles: np.ndarray) -> np.ndarray:
    turn, bend, side = np.moveaxis(angles, -1, 0)
    return multiply(about("y", turn), multiply(about("x", bend), about("z", -side)))


def _sink(legs: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """How far the pelvis must sink (T, 1) for standing legs (T, 2, 3), ankle to hip, to be long
    enough.
    """
    level = (legs[..., [0, 2]] ** 2).sum(-1)
    highest = np.sqrt(np.maximum(REACH**2 - level, 0.09))
    need = (np.maximum(legs[..., 1] - highest, 0) * weight[..., 0]).max(1)
    padded = np.concatenate([need[:1].repeat(2), need, need[-1:].repeat(2)])
    widened = np.lib.stride_tricks.sliding_window_view(padded, 5).max(-1)
    return smooth(widened, 0.9)[:, None]


def _fold(legs: np.ndarray, in_air: np.ndarray) -> np.ndarray:
    """What to take off legs (T, 2, 3), hip to ankle: feet in the air are drawn in softly before the
    leg is straight.
    """
    distance = np.sqrt((legs * legs).sum(-1, keepdims=True))
    soft = 0.94 * REACH
    drawn = soft + (REACH - soft) * (1 - np.exp(-np.maximum(distance - soft, 0) / (REACH - soft)))
    length = np.where(distance > soft, in_air * drawn + (1 - in_air) * distance, distance)
    return legs * (1 - np.minimum(length, 1.003 * REACH) / distance)


def _knees(hips: np.ndarray, ankles: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Knees (T, 2, 3) of legs that bend forwards about `axis`, the direction to the left."""
    leg = ankles - hips
    distance = np.sqrt((leg * leg).sum(-1, keepdims=True))
    along = (THIGH**2 - SHANK**2 + distance**2) / (2 * distance)
    out = np.sqrt(np.maximum(THIGH**2 - along**2, 0))
    return hips + along * leg / distance + out * normalise(np.cross(leg, axis))

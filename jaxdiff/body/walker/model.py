"""The body: eleven segments, 29 coordinates, and where every segment is for given coordinates.

Lengths are in leg lengths L, masses in body masses m, time in sqrt(L/g), so that g = m = 1. Axes
are fixed to the (tilted) treadmill: x forward along the belt, y left, z normal to the belt. Segment
masses and geometry follow de Leva and Winter. Each joint is a chain of hinges; the root slides
along x, y, z and turns about z, x, y.

Arrays keep time in their last axis; coordinates, segments or components come first.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

GRAVITY = 9.81
REFERENCE_LEG = 0.917
HALF_PELVIS = 0.0943
SIDES = ("r", "l")
OUTWARD = np.array([-1.0, 1.0])
"""Sign of y on the right and on the left side."""

X, Y, Z = 0, 1, 2


class Segment(NamedTuple):
    """One rigid body: `hinges` are (axis, sign, coordinate) in order; `joint` is where it hangs on
    its parent.
    """

    name: str
    parent: int
    joint: tuple[float, float, float]
    hinges: tuple[tuple[int, float, int], ...]
    mass: float
    centre: tuple[float, float, float]
    gyration: tuple[float, float, float]


LEG_JOINTS = (
    "hip_flexion",
    "hip_adduction",
    "hip_rotation",
    "knee_flexion",
    "knee_adduction",
    "knee_rotation",
)
LEG_JOINTS += ("ankle_dorsiflexion", "ankle_inversion", "ankle_rotation")
COORDINATES = ("pelvis_tx", "pelvis_ty", "pelvis_tz", "pelvis_yaw", "pelvis_roll", "pelvis_pitch")
COORDINATES += ("lumbar_yaw", "lumbar_roll", "lumbar_pitch")
COORDINATES += tuple(f"{joint}_{side}" for side in SIDES for joint in LEG_JOINTS)
COORDINATES += tuple(f"shoulder_flexion_{side}" for side in SIDES)
LEG = np.array([[COORDINATES.index(f"{joint}_{side}") for joint in LEG_JOINTS] for side in SIDES])
"""Coordinate numbers (2, 9) of the right and the left leg."""
ARM = np.array([COORDINATES.index(f"shoulder_flexion_{side}") for side in SIDES])

THIGH, SHANK, FOOT_HEIGHT = 0.4623, 0.4642, 0.0736
HEEL, BALL, TOE = -0.060, 0.147, 0.21
HEEL_POINT, BALL_POINT, TOE_POINT = ((reach, 0.0, -FOOT_HEIGHT) for reach in (HEEL, BALL, TOE))


def _tree() -> tuple[Segment, ...]:
    segments = [
        Segment(
            "pelvis",
            -1,
            (0, 0, 0),
            ((Z, 1, 3), (X, 1, 4), (Y, 1, 5)),
            0.1117,
            (0, 0, 0.065),
            (0.105, 0.10, 0.11),
        ),
        Segment(
            "trunk",
            0,
            (0, 0, 0.109),
            ((Z, 1, 6), (X, 1, 7), (Y, 1, 8)),
            0.3923,
            (0, 0, 0.332),
            (0.235, 0.225, 0.115),
        ),
    ]
    for i, side in enumerate(SIDES):
        shoulder = (0, OUTWARD[i] * 0.207, 0.435)
        hinge = ((Y, -1, int(ARM[i])),)
        segments.append(
            Segment(f"arm_{side}", 1, shoulder, hinge, 0.0494, (0.02, 0, -0.33), (0.21, 0.21, 0.04))
        )
    for i, side in enumerate(SIDES):
        e = -OUTWARD[i]
        q = [int(k) for k in LEG[i]]
        hip, knee, ankle = (
            ((Y, sign, q[k]), (X, e, q[k + 1]), (Z, e, q[k + 2]))
            for k, sign in ((0, -1), (3, 1), (6, -1))
        )
        n = len(segments)
        segments += [
            Segment(
                f"thigh_{side}",
                0,
                (0, OUTWARD[i] * HALF_PELVIS, 0),
                hip,
                0.1416,
                (0, 0, -0.1893),
                (0.1521, 0.1521, 0.0689),
            ),
            Segment(
                f"shank_{side}",
                n,
                (0, 0, -THIGH),
                knee,
                0.0433,
                (0, 0, -0.2040),
                (0.1156, 0.1156, 0.0473),
            ),
            Segment(
                f"foot_{side}",
                n + 1,
                (0, 0, -SHANK),
                ankle,
                0.0137,
                (0.057, 0, -0.040),
                (0.0356, 0.0703, 0.0738),
            ),
        ]
    return tuple(segments)


SEGMENTS = _tree()
MASS = np.array([segment.mass for segment in SEGMENTS])
GYRATION = np.array([segment.gyration for segment in SEGMENTS])
SAGITTAL = {
    kind: next(segment for segment in SEGMENTS if segment.name.split("_")[0] == kind)
    for kind in ("pelvis", "trunk", "thigh", "shank", "foot")
}
"""One segment of every kind of the planar body, whose trunk carries the arms."""
SAGITTAL_MASS = {kind: segment.mass for kind, segment in SAGITTAL.items()}
SAGITTAL_MASS["trunk"] += sum(s.mass for s in SEGMENTS if s.name.startswith("arm"))
SAGITTAL_GYRATION = {kind: segment.gyration[1] for kind, segment in SAGITTAL.items()}
SAGITTAL_GYRATION["trunk"] = 0.26
LUMBAR = SAGITTAL["trunk"].joint[2]
TRUNK_CENTRE = 0.290
"""Mass centre of the trunk with swinging arms above the lumbar joint, and its gyration above, in
the planar body."""
FEET = tuple(i for i, segment in enumerate(SEGMENTS) if segment.name.startswith("foot"))


class Pose(NamedTuple):
    """Where the segments are. `frame[i, j]` is the j-th axis of segment i, `joint` its proximal
    joint, `centre` its mass centre and `hinge` the axis of each coordinate (zero for the three
    slides), all in treadmill axes."""

    frame: np.ndarray
    joint: np.ndarray
    centre: np.ndarray
    hinge: np.ndarray

    def point(self, segment: int, at: tuple[float, float, float]) -> np.ndarray:
        """A point fixed to a segment, (3, …, T)."""
        return self.joint[segment] + sum(a * axis for a, axis in zip(at, self.frame[segment]) if a)


def forward(q: np.ndarray) -> Pose:
    """Forward kinematics of coordinates (29, …, T)."""
    shape = q.shape[1:]
    n = len(SEGMENTS)
    frame, joint, centre = (
        np.empty((n, 3, 3, *shape)),
        np.empty((n, 3, *shape)),
        np.empty((n, 3, *shape)),
    )
    hinge = np.zeros((len(q), 3, *shape))
    cos, sin = np.cos(q), np.sin(q)
    world = np.broadcast_to(np.eye(3).reshape(3, 3, *(1,) * len(shape)), (3, 3, *shape))
    pose = Pose(frame, joint, centre, hinge)
    for i, segment in enumerate(SEGMENTS):
        joint[i] = pose.point(segment.parent, segment.joint) if segment.parent >= 0 else q[:3]
        axes = list(frame[segment.parent] if segment.parent >= 0 else world)
        for k, sign, coordinate in segment.hinges:
            hinge[coordinate] = sign * axes[k]
            c, s = cos[coordinate], sign * sin[coordinate]
            a, b = axes[(k + 1) % 3], axes[(k + 2) % 3]
            axes[(k + 1) % 3], axes[(k + 2) % 3] = c * a + s * b, c * b - s * a
        frame[i] = axes
        centre[i] = pose.point(i, segment.centre)
    return pose


JOINT_CENTRES = ("pelvis", "lumbar", "head") + tuple(
    f"{name}_{side}"
    for side in SIDES
    for name in ("shoulder", "hand", "hip", "knee", "ankle", "heel", "toe")
)
HEAD_TOP, HAND = (0.0, 0.0, 0.78), (0.02, 0.0, -0.62)


def joint_centres(q: np.ndarray, leg_length: float = REFERENCE_LEG) -> np.ndarray:
    """Points of a stick figure in metres, (T, len(JOINT_CENTRES), 3), for coordinates (29, T)."""
    pose = forward(q)
    index = {segment.name: i for i, segment in enumerate(SEGMENTS)}
    points = [pose.joint[0], pose.joint[1], pose.point(index["trunk"], HEAD_TOP)]
    for side in SIDES:
        arm, foot = index[f"arm_{side}"], index[f"foot_{side}"]
        points += [pose.joint[arm], pose.point(arm, HAND)]
        points += [pose.joint[index[f"{name}_{side}"]] for name in ("thigh", "shank", "foot")]
        points += [pose.point(foot, HEEL_POINT), pose.point(foot, TOE_POINT)]
    return leg_length * np.moveaxis(np.stack(points), -1, 0)

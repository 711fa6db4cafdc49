"""Consistency of a motion with mechanics, by inverse dynamics of a mass-scaled figure
(`mannequin`).

The Newton-Euler equations require a wrench on the root at every frame. Contact forces inside
friction cones at the heels and balls of the feet near the ground are fitted to it by non-negative
least squares; the remainder is unphysical:

    root_force   [BW]     mean size of the residual force, in body weights
    root_moment  [BW m]   mean size of the residual moment about the root
    torque_excess         share of joints and frames whose torque exceeds what athletes reach in running and jumping
    torque       [Nm/kg]  mean size of the joint torques
    energy_gap   [W/kg]   mean |rate of change of mechanical energy - power of the joints|: unexplained work

Real motion is not at zero (soft tissue, 20 frames per second, estimated masses): compare with real
motion. On captured motion at 20 frames a second root_force is 0.00 for gestures in place, 0.04 for
walking, 0.14 for running; 1 cm of jitter adds 0.24 to 0.38, and lifting the clip off the ground
makes it 1. A frame costs some milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import nnls

from jaxdiff.errors import DataError
from jaxdiff.metrics import mannequin
from jaxdiff.metrics.physical import HUMANML3D, Scene


class Ground(NamedTuple):
    """Where and how feet push, in metres."""

    friction: float = 0.8
    contact: float = 0.05
    """A ball or heel this near the ground may push."""
    ankle: float = 0.07
    """Height of the ankle over the sole."""
    toe_tip: float = 0.06
    """How far the sole reaches beyond the toe joint, and `heel` behind the ankle."""
    heel: float = 0.05
    width: float = 0.08


class TorqueLimits(NamedTuple):
    """Largest plausible joint torques in Nm/kg."""

    hip: float = 5.0
    knee: float = 4.5
    ankle: float = 4.0
    shoulder: float = 2.0
    elbow: float = 1.5
    other: float = 6.0


GROUND, TORQUES = Ground(), TorqueLimits()


class Frames(NamedTuple):
    """Per-frame quantities of one clip, inner frames only, per kilogram of body mass."""

    force: np.ndarray
    moment: np.ndarray
    torque: np.ndarray
    """Size of the torque at the upper end of every bone, (N, J - 1)."""
    gap: np.ndarray


def mechanics(
    clips: Sequence[ArrayLike],
    figure: mannequin.Figure = mannequin.HUMANML3D,
    scene: Scene = HUMANML3D,
    *,
    lengths: Sequence[int] | None = None,
    mass: float = 70.0,
    ground: Ground = GROUND,
    limits: TorqueLimits = TORQUES,
) -> dict[str, float]:
    """The mechanical table of clips (T_i, J, 3), or of a padded batch with `lengths`; each clip
    weighs the same.
    """
    if lengths is not None:
        clips = [np.asarray(clip)[: int(n)] for clip, n in zip(clips, lengths, strict=True)]
    bound = _bounds(figure, limits)
    rows = []
    for clip in clips:
        frames = analyse(clip, figure, scene, mass, ground)
        rows.append(
            {
                "root_force": np.linalg.norm(frames.force, axis=1).mean() / mannequin.GRAVITY,
                "root_moment": np.linalg.norm(frames.moment, axis=1).mean() / mannequin.GRAVITY,
                "torque_excess": (frames.torque > bound).mean(),
                "torque": frames.torque.mean(),
                "energy_gap": np.abs(frames.gap).mean(),
            }
        )
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def analyse(
    clip: ArrayLike,
    figure: mannequin.Figure = mannequin.HUMANML3D,
    scene: Scene = HUMANML3D,
    mass: float = 70.0,
    ground: Ground = GROUND,
) -> Frames:
    """Residuals, joint torques and energy gap of one clip (T, J, 3)."""
    joints = np.asarray(clip, np.float64) * scene.metres
    if joints.ndim != 3 or joints.shape[1:] != (len(figure.parents), 3) or len(joints) < 5:
        raise DataError(
            f"mechanics needs clips (T, {len(figure.parents)}, 3) of 5 frames or more; got"
            f" {joints.shape}"
        )
    joints[..., scene.up] -= scene.ground
    body = mannequin.Mannequin(joints, figure, mass, scene.up)
    force, velocity, energy = body.dynamics(scene.rate)
    for i, pose in enumerate(joints[1:-1]):
        for toe, points, pushes in feet_pushing(pose, figure, scene.up, ground, force[i, :6]):
            force[i] -= body.pushed(i, toe, points, pushes)
    joint_power = (force[:, 6:] * velocity[:, 6:]).sum(1)
    change = (energy[2:] - energy[:-2]) * scene.rate / 2
    torque = np.linalg.norm(body.per_bone(force), axis=-1)
    return Frames(
        force[:, :3] / mass,
        force[:, 3:6] / mass,
        torque / mass,
        (change - joint_power[1:-1]) / mass,
    )


def feet_pushing(
    pose: np.ndarray, figure: mannequin.Figure, up: int, ground: Ground, wrench: np.ndarray
) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """For each foot near the ground: its toe joint, points (K, 3) and forces (K, 3); together
    nearest to the root's wrench.
    """
    vertical = np.eye(3)[up]
    feet = []
    for ankle, toe in zip(figure.ankles, figure.toes):
        forward = pose[toe] - pose[ankle]
        forward = forward - forward[up] * vertical
        forward = forward / max(np.linalg.norm(forward), 1e-6)
        side = np.cross(vertical, forward)
        soles = []
        if pose[toe, up] < ground.contact:
            soles.append(pose[toe] + ground.toe_tip * forward)
        if pose[ankle, up] < ground.contact + ground.ankle:
            soles.append(pose[ankle] - ground.heel * forward)
        points = np.array(
            [sole + edge * ground.width / 2 * side for sole in soles for edge in (-1, 1)]
        ).reshape(-1, 3)
        points[:, up] = 0
        cone = np.stack(
            [vertical + ground.friction * lean for lean in (forward, -forward, side, -side)]
        )
        feet.append((toe, points, cone))
    columns = [
        np.concatenate([push, np.cross(point - pose[0], push)])
        for _, points, cone in feet
        for point in points
        for push in cone
    ]
    if not columns:
        return []
    size = max(np.abs(wrench).max(), 1e-9)
    weights = size * nnls(np.stack(columns, axis=1), wrench / size)[0]
    result = []
    for toe, points, cone in feet:
        share, weights = weights[: 4 * len(points)], weights[4 * len(points) :]
        result.append((toe, points, share.reshape(-1, 4) @ cone))
    return result


def _bounds(figure: mannequin.Figure, limits: TorqueLimits) -> np.ndarray:
    """The limit of the joint at the upper end of every bone, (J - 1,)."""
    bound = np.full(len(figure.parents), limits.other)
    for ends, limit in (
        (figure.knees, limits.hip),
        (figure.ankles, limits.knee),
        (figure.toes, limits.ankle),
        (figure.elbows, limits.shoulder),
        (figure.wrists, limits.elbow),
    ):
        bound[list(ends)] = limit
    return bound[1:]

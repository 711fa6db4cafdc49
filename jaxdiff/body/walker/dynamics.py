"""Newton-Euler for the whole body, and how the ground reaction is shared between the feet.

`f = m(c'' - g)` and `h = d/dt(R I R'ω)` of every segment add up to the wrench of the ground,
exactly. Each foot then gets its share of the load, a centre of pressure, the horizontal force of a
virtual pivot and a free moment, closed so that all six components of the total are met; in single
support the stance foot receives the whole wrench.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxdiff.body.walker.curves import REACH, difference, smoothstep
from jaxdiff.body.walker.model import (
    BALL,
    BALL_POINT,
    COORDINATES,
    FEET,
    GYRATION,
    HEEL,
    HEEL_POINT,
    MASS,
    SEGMENTS,
    Pose,
    forward,
)
from jaxdiff.body.walker.prescription import PIVOT_HEIGHT

MARGIN = 2 * REACH
"""Samples the derivatives cost at each end."""


class Motion(NamedTuple):
    """Forces that the motion needs: on each segment (`force` at its mass centre, `couple`), and in
    total.
    """

    pose: Pose
    force: np.ndarray
    couple: np.ndarray
    total: np.ndarray
    moment: np.ndarray
    """Total moment about the origin of the treadmill."""
    zmp: np.ndarray
    """Zero-moment point on the belt, (2, …, T)."""


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross product along the component axis, which comes before the samples' axes."""
    ax, ay, az = a
    bx, by, bz = b
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def newton_euler(q: np.ndarray, rate: np.ndarray | float, slope: np.ndarray | float) -> Motion:
    """Forces for coordinates (29, …, T + 2·MARGIN) sampled at `rate` samples per sqrt(L/g) on a
    slope in radians.

    The result covers the T inner samples; `slope` belongs to these, `rate` to all.
    """
    rates = np.broadcast_to(rate, q.shape[1:])
    inner, core = slice(REACH, -REACH), slice(MARGIN, -MARGIN)
    pose = forward(q)
    speed = rates[..., inner] * difference(pose.centre)
    turn = rates[..., inner] * difference(pose.frame)
    x, y, z = np.moveaxis(pose.frame[..., inner], 1, 0)
    dx, dy, dz = np.moveaxis(turn, 1, 0)
    spin = np.stack([(z * dy).sum(1), (x * dz).sum(1), (y * dx).sum(1)])
    inertia = (MASS[:, None] * GYRATION**2).T.reshape(3, -1, *(1,) * (q.ndim - 1))
    wx, wy, wz = (inertia * spin)[:, :, None]
    momentum = wx * x + wy * y + wz * z

    up = np.zeros((3, *np.shape(slope)))
    up[0], up[2] = np.sin(slope), np.cos(slope)
    up = up.reshape(3, *np.shape(slope) or (1,) * (q.ndim - 1))
    mass = MASS.reshape(-1, *(1,) * q.ndim)
    force = mass * (rates[..., core] * difference(speed) + up)
    couple = rates[..., core] * difference(momentum)
    pose = Pose(*(part[..., core] for part in pose))
    total = force.sum(0)
    moment = cross(np.moveaxis(pose.centre, 1, 0), np.moveaxis(force, 1, 0)).sum(1) + couple.sum(0)
    return Motion(pose, force, couple, total, moment, np.stack([-moment[1], moment[0]]) / total[2])


class Contact(NamedTuple):
    """What each foot feels, with a leading axis of two (right, left)."""

    share: np.ndarray
    pressure: np.ndarray
    """Centre of pressure (2, 3, T) on the belt."""
    force: np.ndarray
    """Ground reaction force (2, 3, T) in body weights, treadmill axes."""
    free_moment: np.ndarray


def footprint(pose: Pose, stance: np.ndarray) -> np.ndarray:
    """The point of the belt under each ankle of a flat foot, (2, 2, T), from the heel early and the
    ball later.
    """
    points = []
    for foot, s in zip(FEET, stance):
        ahead = pose.frame[foot, 0, :2]
        ahead = ahead / np.sqrt((ahead**2).sum(0))
        late = smoothstep((s - 0.10) / 0.12)
        heel, ball = (
            pose.point(foot, point)[:2] - reach * ahead
            for point, reach in ((HEEL_POINT, HEEL), (BALL_POINT, BALL))
        )
        points.append(heel + late * (ball - heel))
    return np.stack(points)


def distribute(
    motion: Motion,
    share: np.ndarray,
    path: np.ndarray,
    stance: np.ndarray,
    slope: np.ndarray | float,
) -> Contact:
    """Share the ground's wrench between the feet; `path` is how far ahead of the ankle each foot
    carries its load.
    """
    aim = footprint(motion.pose, stance)
    aim[:, 0] += path
    both = 4.0 * share[0] * share[1]
    apart = np.where(both > 0.0, aim[0, 0] - aim[1, 0], 1.0)
    lacking = motion.zmp[0] - (share * aim[:, 0]).sum(0)
    right = np.clip(share[0] + both * np.clip(lacking / apart, -0.15, 0.15), 0.0, 1.0)
    share = np.stack([right, 1.0 - right])
    pressure = aim + (motion.zmp - (share[:, None] * aim).sum(0))

    normal = share * motion.total[2]
    centre = np.tensordot(MASS, motion.pose.centre, 1)
    pivot = np.stack([centre[0] + (PIVOT_HEIGHT - centre[2]) * np.tan(slope), centre[1]])
    shear = normal[:, None] * (pivot - pressure) / PIVOT_HEIGHT
    shear = shear + share[:, None] * (motion.total[:2] - shear.sum(0))
    twist = motion.moment[2] - (pressure[:, 0] * shear[:, 1] - pressure[:, 1] * shear[:, 0]).sum(0)
    force = np.concatenate([shear, normal[:, None]], axis=1)
    pressure = np.concatenate([pressure, np.zeros_like(pressure[:, :1])], axis=1)
    return Contact(share, pressure, force, share * twist)


def _below(segment: int) -> list[int]:
    """A segment and everything that hangs on it."""
    found = [segment]
    for i in range(segment + 1, len(SEGMENTS)):
        if SEGMENTS[i].parent in found:
            found.append(i)
    return found


def joint_torques(motion: Motion, contact: Contact) -> np.ndarray:
    """Torque (29, T) along every hinge that moves the distal side as it moves; the root's are zero
    by construction.
    """
    torques = np.zeros((len(COORDINATES), *motion.total.shape[1:]))
    for i, segment in enumerate(SEGMENTS):
        if segment.parent < 0:
            continue
        here = motion.pose.joint[i]
        needed = np.zeros_like(motion.total)
        for j in _below(i):
            needed += motion.couple[j] + cross(motion.pose.centre[j] - here, motion.force[j])
            if j in FEET:
                foot = FEET.index(j)
                needed -= cross(contact.pressure[foot] - here, contact.force[foot])
                needed[2] -= contact.free_moment[foot]
        for _, _, coordinate in segment.hinges:
            torques[coordinate] = (motion.pose.hinge[coordinate] * needed).sum(0)
    return torques

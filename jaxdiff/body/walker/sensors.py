"""Inertial sensors on pelvis, thighs, shanks and feet."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jaxdiff.body.walker.grid import DEGREE
from jaxdiff.body.walker.kinematics import FEET, MARGIN, Motion, difference
from jaxdiff.body.walker.model import GRAVITY, OUTWARD
from jaxdiff.body.walker.traits import Traits
from jaxdiff.typing import Array

SENSORS = (
    ("pelvis", (-0.12, 0.0, 0.09)),
    ("thigh", (0.02, 0.08, -0.23)),
    ("shank", (0.04, 0.03, -0.17)),
    ("foot", (0.09, 0.0, -0.02)),
)
"""Where sensors sit in their segments; y is outward."""


def rotation(vector: Array) -> Array:
    """Rotation matrices [..., 3, 3] of rotation vectors [..., 3] in radians."""
    angle = jnp.sqrt(jnp.square(vector).sum(-1) + 1e-24)[..., None, None]
    x, y, z = jnp.moveaxis(vector, -1, 0)
    zero = jnp.zeros_like(x)
    skew = jnp.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    square = skew @ skew
    return jnp.eye(3) + jnp.sin(angle) / angle * skew + (1 - jnp.cos(angle)) / angle**2 * square


def sensors(
    motion: Motion, rate: Array, slope: Array, t: Traits, second: Array, pose: Array
) -> Array:
    """Specific force (m/s²) and angular velocity (rad/s) [42, M, T] of the seven sensors, without
    noise.

    `pose` [7, 4, 3, M, T + 2 MARGIN] are the joint and the three axes of each segment on the outer
    samples.
    """
    inner, core = slice(MARGIN // 2, -MARGIN // 2), slice(MARGIN, -MARGIN)
    up = jnp.stack([jnp.sin(slope), 0.0 * slope, jnp.cos(slope)])
    turn = rotation(DEGREE * t.imu_turn)
    rows = []
    for k, (segment, place) in enumerate(_sensor_places()):
        at = place + t.imu_place[:, k]
        position = pose[k, 0] + sum(pose[k, 1 + i] * at[:, i, None] for i in range(3))
        speed = rate[:, inner] * difference(position)
        acceleration = rate[:, core] * difference(speed) + up
        axes = motion.frame[segment]
        local = GRAVITY * (axes * acceleration).sum(1)
        spin = motion.spin[segment] / second[:, None]
        for vector in (local, spin):
            rows.append(jnp.einsum("mji,jmt->imt", turn[:, k], vector))
    return jnp.concatenate(rows)


def _sensor_places() -> list[tuple[int, np.ndarray]]:
    found = [(0, np.array(SENSORS[0][1]))]
    for leg, foot in enumerate(FEET):
        for offset, (_, place) in zip((-2, -1, 0), SENSORS[1:]):
            found.append((foot + offset, np.array(place) * [1.0, OUTWARD[leg], 1.0]))
    return found


SENSOR_SEGMENTS = tuple(segment for segment, _ in _sensor_places())

"""From the sagittal solutions to all 29 coordinates in a batch: `completion` for many people at
once.

Hip and knee are bent until the ankles reach the planar ankles and their lateral tracks, the ankle
angles follow from the orientation of the foot, and the pelvis sways so that the lateral zero-moment
point stays over the feet.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body.walker.curves import fourier
from jaxdiff.body.walker.design import Design
from jaxdiff.body.walker.grid import PHASE, PHASES
from jaxdiff.body.walker.kinematics import (
    MARGIN,
    Frame,
    Proportions,
    cross,
    newton_euler,
    point,
    turned,
    world,
)
from jaxdiff.body.walker.model import ARM, LEG, OUTWARD, SEGMENTS
from jaxdiff.body.walker.planar import Planar
from jaxdiff.body.walker.prescription import PELVIS_HEIGHT
from jaxdiff.typing import Array

HARMONICS = 12
SWAY_INERTIA, DAMPING = 1.05, 0.03
BASIS = fourier(PHASE, HARMONICS)
FIT = np.linalg.pinv(BASIS)
WAVES = np.concatenate([[0], np.tile(np.arange(1, HARMONICS + 1), 2)])
THIGHS = tuple(i for i, segment in enumerate(SEGMENTS) if segment.name.startswith("thigh"))


def rotated(axes: Frame, hinges: tuple, angles: Array) -> tuple[Frame, list]:
    """A frame after its hinges have turned by angles [n, M, P], and the axes they turned about."""
    return turned(axes, hinges, list(jnp.cos(angles)), list(jnp.sin(angles)))


def chain(q: Array, angles: Array, pelvis: Frame, b: Proportions, leg: int):
    """Hip, knee and ankle, the axes of hip flexion, hip adduction and knee flexion, and the frame
    of the shank.

    `angles` [6, M, P] are the hip's and the knee's.
    """
    i = THIGHS[leg]
    hip = point(q[:3], pelvis, b.joint[i])
    thigh, axes = rotated(pelvis, SEGMENTS[i].hinges, angles[:3])
    knee = point(hip, thigh, b.joint[i + 1])
    shank, knee_axes = rotated(thigh, SEGMENTS[i + 1].hinges, angles[3:])
    ankle = point(knee, shank, b.joint[i + 2])
    return hip, knee, ankle, (axes[0], axes[1], knee_axes[0]), shank


def reach(q: Array, p: Design, flat: Planar, b: Proportions) -> Array:
    """Bend hips and knees until the ankles are where they belong, then set the ankle angles."""
    pelvis, _ = rotated(world(q[0]), SEGMENTS[0].hinges, q[3:6])
    for leg in range(2):
        e = -OUTWARD[leg]
        track = p.track[:, leg]
        rows = LEG[leg]
        goal = jnp.stack([flat.ankle_x[:, leg], track, flat.ankle_z[:, leg]])

        def lean(_, angles: Array, q=q, leg=leg, e=e, track=track) -> Array:
            _, _, ankle, _, _ = chain(q, angles, pelvis, b, leg)
            return angles.at[1].add(e * (track - ankle[1]) / PELVIS_HEIGHT)

        def bend(_, angles: Array, q=q, leg=leg, goal=goal) -> Array:
            hip, knee, ankle, axes, _ = chain(q, angles, pelvis, b, leg)
            error = goal - ankle
            arms = ankle - hip, ankle - hip, ankle - knee
            columns = [cross(axis, arm) for axis, arm in zip(axes, arms)]
            step = damped_least_squares(columns, error)
            return angles.at[np.array([0, 1, 3])].add(jnp.stack(step))

        angles = q[rows[:6]]
        angles = jax.lax.fori_loop(0, 3, lean, angles)
        angles = jax.lax.fori_loop(0, 2, bend, angles)
        *_, shank = chain(q, angles, pelvis, b, leg)
        turn = (-e * p.toe_out[:, leg])[:, None]
        pitch = flat.pitch[:, leg]
        c, s, ct, st = jnp.cos(pitch), jnp.sin(pitch), jnp.cos(turn), jnp.sin(turn)
        x, y = jnp.stack([ct * c, st * c, s]), jnp.stack([-st + 0.0 * s, ct + 0.0 * s, 0.0 * s])
        z = jnp.stack([-ct * s, -st * s, c])
        ankle = jnp.stack(
            [
                -jnp.arctan2(dot(shank[0], z), dot(shank[2], z)),
                e * jnp.arcsin(jnp.clip(-dot(shank[1], z), -1.0, 1.0)),
                e * jnp.arctan2(dot(shank[1], x), dot(shank[1], y)),
            ]
        )
        q = q.at[rows].set(jnp.concatenate([angles, ankle]))
    return q


def dot(a: Array, b: Array) -> Array:
    """`a · b` of vectors [3, ...]."""
    return (a * b).sum(0)


def damped_least_squares(columns: list[Array], error: Array) -> list[Array]:
    """`(JᵀJ + δ²)⁻¹ Jᵀ e` for J with three columns, in closed form."""
    a, b, c = columns
    aa, bb, cc = (dot(v, v) + DAMPING**2 for v in columns)
    ab, ac, bc = dot(a, b), dot(a, c), dot(b, c)
    r = [dot(v, error) for v in columns]
    i00, i01, i02 = bb * cc - bc * bc, ac * bc - ab * cc, ab * bc - ac * bb
    i11, i12, i22 = aa * cc - ac * ac, ab * ac - aa * bc, aa * bb - ab * ab
    determinant = aa * i00 + ab * i01 + ac * i02
    return [
        (i00 * r[0] + i01 * r[1] + i02 * r[2]) / determinant,
        (i01 * r[0] + i11 * r[1] + i12 * r[2]) / determinant,
        (i02 * r[0] + i12 * r[1] + i22 * r[2]) / determinant,
    ]


def complete(p: Design, flat: Planar, b: Proportions, corrections: int = 2) -> Array:
    """Coefficients [M, 25, 29] of all coordinates by phase of the right stride."""
    shape = flat.root_x.shape
    rows = [flat.root_x, p.sway, flat.root_z, p.yaw, -p.obliquity]
    rows += [jnp.broadcast_to(p.tilt[:, None], shape), p.trunk_yaw - p.yaw]
    rows += [p.obliquity + p.trunk_roll, flat.trunk - p.tilt[:, None]]
    zero = jnp.zeros(shape)
    for leg in range(2):
        rows += [flat.hip[:, leg], zero, p.hip_rotation[:, leg]]
        rows += [flat.knee[:, leg], p.knee_adduction[:, leg], p.knee_rotation[:, leg]]
        rows += [zero, zero, zero]
    rows += [p.shoulder[:, 0], p.shoulder[:, 1]]
    assert list(ARM) == [27, 28]
    q = jnp.stack(rows)
    aim = (p.share * p.middle[..., None]).sum(1)
    gain = 1.0 / (1.0 + SWAY_INERTIA * jnp.square(2.0 * jnp.pi * WAVES / p.period[:, None]))
    rate = jnp.broadcast_to(PHASES / p.period[:, None], (shape[0], PHASES + 2 * MARGIN))

    def correct(i: Array, q: Array) -> Array:
        q = reach(q, p, flat, b)
        padded = jnp.concatenate([q[..., -MARGIN:], q, q[..., :MARGIN]], axis=-1)
        motion = newton_euler(padded, rate, p.slope[:, None], b)
        error = ((aim - motion.zmp[1]) @ FIT.T * gain) @ BASIS.T
        return q.at[1].add(jnp.where(i < corrections, error, 0.0))

    q = jax.lax.fori_loop(0, corrections + 1, correct, q)
    return jnp.moveaxis(q @ FIT.T, 0, 2)

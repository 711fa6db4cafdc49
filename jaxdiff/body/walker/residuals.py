"""The residuals of the sagittal projection: feet that stick, joints near their design, forces and
moments that fit.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxdiff.body.walker.design import Design
from jaxdiff.body.walker.grid import BASIS, DEGREE, PHASES, WIDTH
from jaxdiff.body.walker.matrices import (
    FIRST,
    LINEAR,
    PAIRS,
    SECOND,
    contact_matrix,
    force_jacobian,
    linear,
)
from jaxdiff.body.walker.model import (
    BALL,
    FOOT_HEIGHT,
    HEEL,
    LUMBAR,
    SAGITTAL_GYRATION,
    SAGITTAL_MASS,
    SHANK,
    THIGH,
    TRUNK_CENTRE,
)
from jaxdiff.body.walker.planar import (
    TRUNK_COLUMNS,
    X_COLUMNS,
    Z_COLUMNS,
    Body,
    aside_of,
    link,
    unpack,
)
from jaxdiff.body.walker.projection import (
    CLEARANCE,
    CLEARANCE_SPREAD,
    CONTACT_SPREAD,
    KNEE_SPREAD,
    MOMENT_SPREAD,
    NORMAL_SPREAD,
    SHEAR_SPREAD,
    SLIP_WEIGHT,
)
from jaxdiff.body.walker.sagittal import (
    FOOT_CENTRE,
    PELVIS_CENTRE,
    PLACE,
    SHANK_CENTRE,
    THIGH_CENTRE,
)
from jaxdiff.body.walker.stance import smoothstep
from jaxdiff.body.walker.traits import Traits
from jaxdiff.typing import Array


class Normal(NamedTuple):
    """Sum of squared residuals [M], half its gradient [M, U], and the Gauss-Newton matrix [M, U, U]
    in float32.

    Cost and gradient are exact. The matrix only shapes the steps: it is kept in single precision,
    and its force rows in the lowest harmonics.
    """

    cost: Array
    gradient: Array
    matrix: Array


class Rows:
    """Residuals that involve no derivative, by channel: what they add to the cost, the gradient and
    the matrix.
    """

    def __init__(self, shape: tuple[int, ...]):
        self.cost: Array = jnp.zeros(shape[0])
        self.pulls: list[Array] = [jnp.zeros(shape)] * 6
        self.products: list[Array] = [jnp.zeros(shape)] * len(PAIRS)

    def add(
        self, pull: Array, weight: Array, coefficients: dict[int, Array | float], cost: Array
    ) -> None:
        """Residuals whose weighted sum is `pull`, with total squared weight `weight` and these
        coefficients.
        """
        self.cost = self.cost + cost.sum((1, 2))
        for i, ci in coefficients.items():
            self.pulls[i] = self.pulls[i] + ci * pull
            for j, cj in coefficients.items():
                if i <= j:
                    k = PAIRS.index((i, j))
                    self.products[k] = self.products[k] + weight * ci * cj


def normal(t: Traits, b: Body, p: Design, x: Array) -> Normal:
    """Linearise all residuals at unknowns x [M, U]."""
    hip, knee, ankle, root_x, root_z, trunk = unpack(x)
    m = len(x)
    thigh = hip - p.tilt[:, None, None]
    shank = thigh - knee
    pitch = shank + ankle
    thigh_length, shank_length, foot = (
        value[:, None, None] for value in (b.thigh, b.shank, b.foot)
    )
    aside = aside_of(b)
    hip_x = root_x[:, None] + aside * jnp.sin(p.yaw)[:, None]
    hip_z = root_z[:, None] + aside * jnp.sin(p.obliquity)[:, None]
    upper = link(thigh, thigh_length, 0.0, p.upright)
    lower = link(shank, shank_length, 0.0, p.upright)
    knee_x, knee_z = hip_x + upper.x, hip_z + upper.z
    ankle_x, ankle_z = knee_x + lower.x, knee_z + lower.z

    rows = Rows(p.phase.shape)
    gap = knee - DEGREE * t.knee_floor[..., None]
    low = (gap < 0.0) / KNEE_SPREAD**2
    rows.add(low * gap, low, {1: 1.0}, low * gap**2)
    place = x[:, PLACE:, None]
    belt = place - p.step[:, None, None] * p.phase
    floor = CLEARANCE * jnp.sin(jnp.pi * jnp.clip(p.swing, 0.0, 1.0))
    stance = p.stance <= 1.0
    heel = jnp.clip(1.0 - t.equinus / 12.0, 0.0, 1.0)[..., None]
    leaving, landing = (
        smoothstep((0.58 - p.stance) / 0.14),
        smoothstep((p.stance + 0.02) / 0.08),
    )
    early = 1.0 - heel + heel * smoothstep((p.stance - 0.06) / 0.10)
    on_heel = stance * heel * leaving * landing
    on_ball = stance * early * smoothstep((1.0 - p.stance) / 0.06)
    for reach, contact in ((HEEL, on_heel), (BALL, on_ball)):
        at = link(pitch, FOOT_HEIGHT, reach * foot, 1.0)
        height, ahead = ankle_z + at.z, ankle_x + at.x - belt - reach * foot
        turn_x = {0: upper.dx + lower.dx + at.dx, 1: -(lower.dx + at.dx), 2: at.dx}
        turn_z = {0: upper.dz + lower.dz + at.dz, 1: -(lower.dz + at.dz), 2: at.dz}
        weight = jnp.square(contact / CONTACT_SPREAD)
        under = (height < floor) / CLEARANCE_SPREAD**2
        pull = weight * height + under * (height - floor)
        cost = weight * height**2 + under * (height - floor) ** 2
        rows.add(pull, weight + under, turn_z | {4: 1.0}, cost)
        weight = weight * SLIP_WEIGHT**2
        rows.add(weight * ahead, weight, turn_x | {3: 1.0, 5: -1.0}, weight * ahead**2)

    # Bodies: pelvis, trunk, and thigh, shank, foot of each leg (axis of two). `turns` are derivatives with respect to
    # hip, knee and ankle.
    thigh_at = upper * (THIGH_CENTRE / THIGH)
    shank_at = lower * (SHANK_CENTRE / SHANK)
    foot_at = link(pitch, FOOT_CENTRE[1], FOOT_CENTRE[0] * foot, 1.0)
    pelvis_at = link(-p.tilt[:, None], -PELVIS_CENTRE, 0.0, 1.0)
    lumbar_at = link(-p.tilt[:, None], -LUMBAR, 0.0, 1.0)
    trunk_at = link(-trunk, -TRUNK_CENTRE, b.trunk_ahead[:, None], 1.0)
    whole = jnp.zeros((m, 1, PHASES))
    centre_x = jnp.concatenate(
        [
            (root_x + pelvis_at.x)[:, None] + whole,
            (root_x + lumbar_at.x + trunk_at.x)[:, None],
            hip_x + thigh_at.x,
            knee_x + shank_at.x,
            ankle_x + foot_at.x,
        ],
        axis=1,
    )
    centre_z = jnp.concatenate(
        [
            (root_z + pelvis_at.z)[:, None] + whole,
            (root_z + lumbar_at.z + trunk_at.z)[:, None],
            hip_z + thigh_at.z,
            knee_z + shank_at.z,
            ankle_z + foot_at.z,
        ],
        axis=1,
    )
    pelvis_mass = SAGITTAL_MASS["pelvis"] + 0.0 * b.trunk_mass
    limbs = (b.thigh_mass, b.shank_mass, b.foot_mass)
    mass = [pelvis_mass, b.trunk_mass, *(limb for limb in limbs for _ in range(2))]
    mass = jnp.stack(mass, axis=1)[..., None]
    rate, square = 1.0 / p.period[:, None], jnp.square(1.0 / p.period)[:, None]
    velocity_x, velocity_z = (c @ FIRST.T * rate[:, None] for c in (centre_x, centre_z))
    along, across = jnp.sin(p.slope)[:, None], jnp.cos(p.slope)[:, None]
    pull_x = mass * (centre_x @ SECOND.T * square[:, None] + along[:, None])
    pull_z = mass * (centre_z @ SECOND.T * square[:, None] + across[:, None])
    total_x, total_z = pull_x.sum(1), pull_z.sum(1)
    inertia = [
        (limb * jnp.square(SAGITTAL_GYRATION[name] * ratio))[:, None]
        for limb, name, ratio in zip(
            limbs, ("thigh", "shank", "foot"), (b.thigh_ratio, b.shank_ratio, b.foot)
        )
    ]
    trunk_inertia = (b.trunk_mass * SAGITTAL_GYRATION["trunk"] ** 2)[:, None]
    angular = sum(i * angle.sum(1) for i, angle in zip(inertia, (thigh, shank, pitch)))
    angular = (angular - trunk_inertia * trunk) @ SECOND.T * square
    moment = angular + (centre_x * pull_z - centre_z * pull_x).sum(1)

    # Coefficients [M, 9, P] of the channels (right leg, left leg, pelvis x, pelvis z, trunk) in the changes of Σ m x and
    # Σ m z, of the swept Σ m (x dz - z dx) + I dθ, and of the same with velocities.
    def channels(weights_x: Array, weights_z: Array, inertial: bool = False) -> Array:
        """Σ over bodies of (weights_z dz - weights_x dx), by channel; weights are [M, 8, P]."""
        wx, wz = weights_x, weights_z
        legs_x = wx[:, 2:].reshape(m, 3, 2, PHASES)
        legs_z = wz[:, 2:].reshape(m, 3, 2, PHASES)
        below_x, below_z = legs_x[:, 1] + legs_x[:, 2], legs_z[:, 1] + legs_z[:, 2]
        ankle_c = legs_z[:, 2] * foot_at.dz - legs_x[:, 2] * foot_at.dx
        shank_c = legs_z[:, 1] * shank_at.dz - legs_x[:, 1] * shank_at.dx
        shank_c = shank_c + legs_z[:, 2] * lower.dz - legs_x[:, 2] * lower.dx
        thigh_c = legs_z[:, 0] * thigh_at.dz - legs_x[:, 0] * thigh_at.dx
        thigh_c = thigh_c + below_z * upper.dz - below_x * upper.dx
        trunk_c = -(wz[:, 1] * trunk_at.dz - wx[:, 1] * trunk_at.dx)
        if inertial:
            ankle_c, shank_c = ankle_c + inertia[2][..., None], shank_c + inertia[1][..., None]
            thigh_c, trunk_c = thigh_c + inertia[0][..., None], trunk_c - trunk_inertia
        distal = ankle_c + shank_c
        legs = jnp.stack([thigh_c + distal, -distal, ankle_c], axis=2).reshape(m, 6, PHASES)
        root = jnp.stack([-wx.sum(1), wz.sum(1), trunk_c], axis=1)
        return jnp.concatenate([legs, root], axis=1)

    weight = jnp.broadcast_to(mass, centre_x.shape)
    none = jnp.zeros_like(centre_x)
    flat_x, flat_z = channels(-weight, none), channels(none, weight)
    swept = channels(mass * centre_z, mass * centre_x, inertial=True)
    swept_v = channels(mass * velocity_z, mass * velocity_x)

    pressure = (p.share * (place + p.pressure)).sum(1)
    drive = p.drive[:, 0] + (p.drive[:, 1:] * place).sum(1)
    lack_z = (total_z - p.total) / NORMAL_SPREAD
    lack_x = (total_x - drive) / SHEAR_SPREAD
    lack_m = (moment - total_z * pressure) / MOMENT_SPREAD
    push_z, push_x, push_m = lack_z / NORMAL_SPREAD, lack_x / SHEAR_SPREAD, lack_m / MOMENT_SPREAD
    back_z = (push_z - pressure * push_m) @ SECOND * square - along * push_m
    back_x = push_x @ SECOND * square + across * push_m
    back_w, back_v = push_m @ SECOND * square, -2.0 * (push_m @ FIRST) * rate
    back = (
        flat_z * back_z[:, None]
        + flat_x * back_x[:, None]
        + swept * back_w[:, None]
        + swept_v * back_v[:, None]
    ) @ BASIS
    contact_pull = jnp.stack(rows.pulls, axis=2) @ BASIS
    legs = contact_pull[:, :, :3].reshape(m, 6, WIDTH) + back[:, :6]
    placing = contact_pull[:, :, 5, 0] - (p.drive[:, 1:] * push_x[:, None]).sum(-1)
    placing = placing - (p.share * (total_z * push_m)[:, None]).sum(-1)
    gradient = jnp.concatenate(
        [
            legs.reshape(m, -1),
            (contact_pull[:, :, 3].sum(1) + back[:, 6])[:, X_COLUMNS],
            (contact_pull[:, :, 4].sum(1) + back[:, 7])[:, Z_COLUMNS],
            back[:, 8][:, TRUNK_COLUMNS],
            placing,
        ],
        axis=1,
    )
    linear_cost, linear_gradient = linear(p, x)
    cost = rows.cost + linear_cost
    cost = cost + (lack_z**2 + lack_x**2 + lack_m**2).sum(1)

    jacobian = force_jacobian(
        (flat_x, flat_z, swept, swept_v), p, pressure, total_z, rate, along, across
    )
    matrix = contact_matrix(jnp.stack(rows.products, axis=2)) + LINEAR.astype(np.float32)
    matrix = matrix + jnp.swapaxes(jacobian, 1, 2) @ jacobian
    return Normal(cost, gradient + linear_gradient, matrix)

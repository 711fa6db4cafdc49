"""The sagittal projection for a batch: periodic motions nearest to the designs whose feet stick and whose forces fit.

The least squares are those of `projection`, with the left leg's Fourier coefficients in the phase of the right stride, so
that all people share one basis. A row of the Jacobian at phase n is `Σ_c coefficient_c[n] basis[n, :]` over channels c
(hip, knee, ankle, pelvis x, pelvis z, foot placement). Rows without time derivatives (contact) therefore have normal
matrices `basisᵀ diag(g) basis`, one product of g [96] with a constant table; only the three force rows need their
Jacobian written out.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body.walker import design as d
from jaxdiff.body.walker.curves import spectral_derivative
from jaxdiff.body.walker.design import BASIS, HARMONICS, PHASES, WIDTH, Design
from jaxdiff.body.walker.model import BALL, FOOT_HEIGHT, HALF_PELVIS, HEEL, OUTWARD, SHANK, THIGH
from jaxdiff.body.walker.traits import Traits
from jaxdiff.typing import Array

LEG = 3 * WIDTH
PELVIS_X, PELVIS_Z = slice(2 * LEG, 2 * LEG + 16), slice(2 * LEG + 16, 2 * LEG + 33)
TRUNK = slice(2 * LEG + 33, 2 * LEG + 42)
PLACE = 2 * LEG + 42
UNKNOWNS = PLACE + 2
"""Hip, knee, ankle of the right leg, then of the left (19 each), pelvis x, pelvis z, trunk pitch, x_R, x_L."""


def _columns(harmonics: int, constant: bool) -> np.ndarray:
    """Columns of the basis with harmonics up to a number."""
    waves = np.arange(1, harmonics + 1)
    return np.concatenate([[0] if constant else [], waves, HARMONICS + waves]).astype(int)


X_COLUMNS, Z_COLUMNS, TRUNK_COLUMNS = _columns(8, False), _columns(8, True), _columns(4, True)
FIRST, SECOND = (spectral_derivative(PHASES, order) for order in (1, 2))
PRODUCTS = np.einsum("ni,nj->nij", BASIS, BASIS).reshape(PHASES, -1)
SQUARES = np.concatenate([[1.0], np.full(2 * HARMONICS, 0.5)]) * PHASES
"""The diagonal of `basisᵀ basis`."""

PELVIS_CENTRE, LUMBAR, TRUNK_CENTRE, THIGH_CENTRE, SHANK_CENTRE = (
    0.065,
    0.109,
    0.290,
    0.1893,
    0.2040,
)
FOOT_CENTRE = (0.057, 0.040)
GYRATION = {"trunk": 0.26, "thigh": 0.1521, "shank": 0.1156, "foot": 0.0703, "pelvis": 0.10}
MASS = {"pelvis": 0.1117, "trunk": 0.4911, "thigh": 0.1416, "shank": 0.0433, "foot": 0.0137}

ANGLE_SPREAD, FOOT_SPREAD = np.deg2rad(4.0), np.deg2rad(5.0)
KNEE_SPREAD = np.deg2rad(1.2)
CONTACT_SPREAD, SLIP_WEIGHT, CLEARANCE, CLEARANCE_SPREAD = 0.0025, 0.7, 0.013, 0.005
NORMAL_SPREAD, SHEAR_SPREAD, MOMENT_SPREAD = 0.04, 0.03, 0.010
LEAN_SPREAD, SHAPE_SPREAD, DRIFT_SPREAD = np.deg2rad(1.5), np.deg2rad(0.7), 0.2
SHAPE = (np.concatenate([[0], np.tile(np.arange(1, HARMONICS + 1), 2)]) / HARMONICS) ** 2
SHAPE = np.square(SHAPE * np.sqrt(PHASES / 2) / SHAPE_SPREAD)


class Body(NamedTuple):
    """Proportions of M people in leg lengths and body masses, each [M]."""

    thigh: Array
    shank: Array
    thigh_ratio: Array
    """Lengths of thigh and shank relative to the reference body."""
    shank_ratio: Array
    foot: Array
    pelvis: Array
    thigh_mass: Array
    shank_mass: Array
    foot_mass: Array
    trunk_mass: Array
    """Trunk with arms."""


def body(t: Traits) -> Body:
    """The proportions that the traits describe."""
    thigh, shank = THIGH + t.thigh_shift, SHANK - t.thigh_shift
    masses = [MASS[name] * t.leg_mass for name in ("thigh", "shank", "foot")]
    trunk = MASS["trunk"] + 2 * sum(MASS[name] for name in ("thigh", "shank", "foot"))
    return Body(
        thigh=thigh,
        shank=shank,
        thigh_ratio=thigh / THIGH,
        shank_ratio=shank / SHANK,
        foot=t.foot_scale,
        pelvis=t.pelvis_scale,
        thigh_mass=masses[0],
        shank_mass=masses[1],
        foot_mass=masses[2],
        trunk_mass=trunk - 2 * sum(masses),
    )


class Planar(NamedTuple):
    """Sagittal kinematics of a solution, over the phases."""

    hip: Array
    knee: Array
    ankle: Array
    pitch: Array
    trunk: Array
    root_x: Array
    root_z: Array
    ankle_x: Array
    ankle_z: Array


def unpack(x: Array) -> tuple[Array, ...]:
    """Curves of hip, knee, ankle [M, 2, P], pelvis x, z and trunk pitch [M, P]."""
    joints = x[:, : 2 * LEG].reshape(-1, 2, 3, WIDTH) @ BASIS.T
    root_x = x[:, PELVIS_X] @ BASIS[:, X_COLUMNS].T
    root_z = x[:, PELVIS_Z] @ BASIS[:, Z_COLUMNS].T
    return *jnp.moveaxis(joints, 2, 0), root_x, root_z, x[:, TRUNK] @ BASIS[:, TRUNK_COLUMNS].T


class Link(NamedTuple):
    """The vector along a segment to one of its points, and its derivative with respect to the segment's angle."""

    x: Array
    z: Array
    dx: Array
    dz: Array

    def __mul__(self, factor: Array) -> Link:
        return Link(*(part * factor for part in self))


def link(angle: Array, down: Array | float, ahead: Array | float, upright: Array | float) -> Link:
    """A point `down` the shaft and `ahead` of it on a segment flexed by `angle`."""
    c, s = jnp.cos(angle), jnp.sin(angle)
    x, turn = ahead * c + down * s, down * c - ahead * s
    return Link(x, -upright * turn, turn, upright * x)


def planar(p: Design, b: Body, x: Array) -> Planar:
    """Where the ankles are, and all sagittal angles."""
    hip, knee, ankle, root_x, root_z, trunk = unpack(x)
    thigh = hip - p.tilt[:, None, None]
    shank = thigh - knee
    aside = _aside(b)
    upper = link(thigh, b.thigh[:, None, None], 0.0, p.upright)
    lower = link(shank, b.shank[:, None, None], 0.0, p.upright)
    return Planar(
        hip=hip,
        knee=knee,
        ankle=ankle,
        pitch=shank + ankle,
        trunk=trunk,
        root_x=root_x,
        root_z=root_z,
        ankle_x=root_x[:, None] + aside * jnp.sin(p.yaw)[:, None] + upper.x + lower.x,
        ankle_z=root_z[:, None] + aside * jnp.sin(p.obliquity)[:, None] + upper.z + lower.z,
    )


def _aside(b: Body) -> Array:
    return -OUTWARD[:, None] * (HALF_PELVIS * b.pelvis)[:, None, None]


class Normal(NamedTuple):
    """Sum of squared residuals [M], their gradient [M, U] and Gauss-Newton matrix [M, U, U] (halves of both)."""

    cost: Array
    gradient: Array
    matrix: Array


PAIRS = [(i, j) for i in range(6) for j in range(i, 6)]
"""Contact channels: hip, knee, ankle, pelvis x, pelvis z, placement."""


def normal(t: Traits, b: Body, p: Design, x: Array) -> Normal:
    """Linearise all residuals at unknowns x [M, U]."""
    hip, knee, ankle, root_x, root_z, trunk = unpack(x)
    tilt, m = p.tilt[:, None, None], len(x)
    thigh = hip - tilt
    shank = thigh - knee
    pitch = shank + ankle
    scale = {name: getattr(b, name)[:, None, None] for name in b._fields}
    aside = _aside(b)
    hip_x = root_x[:, None] + aside * jnp.sin(p.yaw)[:, None]
    hip_z = root_z[:, None] + aside * jnp.sin(p.obliquity)[:, None]
    upper = link(thigh, scale["thigh"], 0.0, p.upright)
    lower = link(shank, scale["shank"], 0.0, p.upright)
    knee_x, knee_z = hip_x + upper.x, hip_z + upper.z
    ankle_x, ankle_z = knee_x + lower.x, knee_z + lower.z

    # Contact rows: weights, residuals and channel coefficients, accumulated into g [pairs] and r [channels].
    place = x[:, PLACE:, None]
    belt = place - p.step[:, None, None] * p.phase
    floor = CLEARANCE * jnp.sin(jnp.pi * jnp.clip(p.swing, 0.0, 1.0))
    stance = p.stance <= 1.0
    heel = jnp.clip(1.0 - t.equinus / 12.0, 0.0, 1.0)[..., None]
    on_heel = (
        stance * d.smoothstep((0.58 - p.stance) / 0.14) * d.smoothstep((p.stance + 0.02) / 0.08)
    )
    early = 1.0 - heel + heel * d.smoothstep((p.stance - 0.06) / 0.10)
    on_ball = stance * early * d.smoothstep((1.0 - p.stance) / 0.06)
    knee_low = (knee < d.DEGREE * t.knee_floor[..., None]) / KNEE_SPREAD**2
    knee_gap = knee - d.DEGREE * t.knee_floor[..., None]
    products = [0.0] * len(PAIRS)
    pulls = [0.0] * 6
    products[PAIRS.index((1, 1))] = knee_low
    pulls[1] = knee_low * knee_gap
    cost = (knee_low * knee_gap**2).sum((1, 2))

    def add(residual: Array, coefficients: dict[int, Array | float], weight: Array) -> Array:
        for i, ci in coefficients.items():
            pulls[i] = pulls[i] + weight * ci * residual
            for j, cj in coefficients.items():
                if i <= j:
                    k = PAIRS.index((i, j))
                    products[k] = products[k] + weight * ci * cj
        return (weight * residual**2).sum((1, 2))

    for reach, weight in ((HEEL, on_heel * heel), (BALL, on_ball)):
        point = link(pitch, FOOT_HEIGHT, reach * scale["foot"], 1.0)
        px, pz = ankle_x + point.x, ankle_z + point.z
        cx = {0: upper.dx + lower.dx + point.dx, 1: -(lower.dx + point.dx), 2: point.dx}
        cz = {0: upper.dz + lower.dz + point.dz, 1: -(lower.dz + point.dz), 2: point.dz}
        w = jnp.square(weight / CONTACT_SPREAD)
        low = (pz < floor) / CLEARANCE_SPREAD**2
        # Both rows of the height have the same Jacobian, so their weights and residuals add up.
        height = w * pz + low * (pz - floor)
        cost = cost + (w * pz**2 + low * (pz - floor) ** 2).sum((1, 2))
        total = w + low
        add(height / total.clip(1e-30), cz | {4: 1.0}, total)
        slip = px - belt - reach * scale["foot"]
        cost = cost + add(slip, cx | {3: 1.0, 5: -1.0}, w * SLIP_WEIGHT**2)

    shape = (m, 2, PHASES)
    g = jnp.stack([jnp.broadcast_to(product, shape) for product in products], axis=2)
    blocks = (g.reshape(-1, PHASES) @ PRODUCTS).reshape(m, 2, len(PAIRS), WIDTH, WIDTH)
    r = jnp.stack([jnp.broadcast_to(pull, shape) for pull in pulls], axis=2) @ BASIS
    matrix = _contact_matrix(blocks)
    gradient = jnp.concatenate(
        [
            r[:, :, :3].reshape(m, -1),
            r[:, :, 3].sum(1)[:, X_COLUMNS],
            r[:, :, 4].sum(1)[:, Z_COLUMNS],
            jnp.zeros((m, 9)),
            r[:, :, 5, 0],
        ],
        axis=1,
    )

    # Force rows.
    rate = 1.0 / p.period[:, None]
    thigh_at = upper * (THIGH_CENTRE / THIGH)
    shank_at = lower * (SHANK_CENTRE / SHANK)
    foot_at = link(pitch, FOOT_CENTRE[1], FOOT_CENTRE[0] * scale["foot"], 1.0)
    pelvis_at = link(-p.tilt[:, None], -PELVIS_CENTRE, 0.0, 1.0)
    lumbar_at = link(-p.tilt[:, None], -LUMBAR, 0.0, 1.0)
    trunk_at = link(-trunk, -TRUNK_CENTRE, 0.0, 1.0)
    trunk_mass = b.trunk_mass[:, None]
    zero = jnp.zeros((m, PHASES))
    # Bodies in the order pelvis, trunk, thighs, shanks, feet: position, and derivative with respect to hip, knee, ankle.
    bodies = [
        (MASS["pelvis"], root_x + pelvis_at.x, root_z + pelvis_at.z, None),
        (trunk_mass, root_x + lumbar_at.x + trunk_at.x, root_z + lumbar_at.z + trunk_at.z, None),
    ]
    for leg in range(2):
        up, low, foot = (Link(*(part[:, leg] for part in at)) for at in (upper, lower, foot_at))
        mid_up, mid_low = (Link(*(part[:, leg] for part in at)) for at in (thigh_at, shank_at))
        hx, hz, kx, kz = hip_x[:, leg], hip_z[:, leg], knee_x[:, leg], knee_z[:, leg]
        ax, az = ankle_x[:, leg], ankle_z[:, leg]
        turn_x = (mid_up.dx, zero, zero), (up.dx + mid_low.dx, -mid_low.dx, zero)
        turn_z = (mid_up.dz, zero, zero), (up.dz + mid_low.dz, -mid_low.dz, zero)
        turn_x += ((up.dx + low.dx + foot.dx, -low.dx - foot.dx, foot.dx),)
        turn_z += ((up.dz + low.dz + foot.dz, -low.dz - foot.dz, foot.dz),)
        for mass, cx, cz, at_x, at_z in zip(
            (b.thigh_mass, b.shank_mass, b.foot_mass),
            (hx + mid_up.x, kx + mid_low.x, ax + foot.x),
            (hz + mid_up.z, kz + mid_low.z, az + foot.z),
            turn_x,
            turn_z,
        ):
            bodies.append((mass[:, None], cx, cz, (leg, at_x, at_z)))
    centre_x = jnp.stack([cx for _, cx, _, _ in bodies], axis=1)
    centre_z = jnp.stack([cz for _, _, cz, _ in bodies], axis=1)
    velocity_x, velocity_z = (c @ FIRST.T * rate[:, None] for c in (centre_x, centre_z))
    acceleration_x, acceleration_z = (
        c @ SECOND.T * jnp.square(rate)[:, None] for c in (centre_x, centre_z)
    )
    mass = jnp.stack([jnp.broadcast_to(m_, (m, 1)) for m_, *_ in bodies], axis=1)
    along, across = jnp.sin(p.slope)[:, None], jnp.cos(p.slope)[:, None]
    total_x = (mass * (acceleration_x + along[:, None])).sum(1)
    total_z = (mass * (acceleration_z + across[:, None])).sum(1)

    thigh_i = (b.thigh_mass * jnp.square(GYRATION["thigh"] * b.thigh_ratio))[:, None]
    shank_i = (b.shank_mass * jnp.square(GYRATION["shank"] * b.shank_ratio))[:, None]
    foot_i = (b.foot_mass * jnp.square(GYRATION["foot"] * b.foot))[:, None]
    trunk_i = trunk_mass * GYRATION["trunk"] ** 2
    spin = (thigh_i[:, None] * thigh + shank_i[:, None] * shank + foot_i[:, None] * pitch).sum(1)
    spin = (spin - trunk_i * trunk) @ SECOND.T * jnp.square(rate)
    moment = spin + (
        mass
        * (
            centre_x * (acceleration_z + across[:, None])
            - centre_z * (acceleration_x + along[:, None])
        )
    ).sum(1)

    # Coefficients of the channels (6 of the legs, pelvis x, pelvis z, trunk) in Σ m x, Σ m z, Σ m (x dz - z dx), and the
    # same with velocities.
    flat_x, flat_z, swept, swept_v = ([zero] * 9 for _ in range(4))
    for k, (m_, *_, turning) in enumerate(bodies):
        cx, cz, vx, vz = centre_x[:, k], centre_z[:, k], velocity_x[:, k], velocity_z[:, k]
        channels = {6: (1.0, 0.0), 7: (0.0, 1.0)}
        if k == 1:
            channels[8] = (-trunk_at.dx, -trunk_at.dz)
        if turning is not None:
            leg, at_x, at_z = turning
            channels |= {3 * leg + j: (at_x[j], at_z[j]) for j in range(3)}
        for c, (dx, dz) in channels.items():
            flat_x[c] = flat_x[c] + m_ * dx
            flat_z[c] = flat_z[c] + m_ * dz
            swept[c] = swept[c] + m_ * (cx * dz - cz * dx)
            swept_v[c] = swept_v[c] + m_ * (vx * dz - vz * dx)
    for leg in range(2):
        swept[3 * leg] = swept[3 * leg] + thigh_i + shank_i + foot_i
        swept[3 * leg + 1] = swept[3 * leg + 1] - shank_i - foot_i
        swept[3 * leg + 2] = swept[3 * leg + 2] + foot_i
    swept[8] = swept[8] - trunk_i
    j_x, j_z, j_w, j_v = (_expand(c) for c in (flat_x, flat_z, swept, swept_v))
    second, first = jnp.square(rate)[..., None], rate[..., None]
    d_x, d_z, d_w = (second * (SECOND @ j) for j in (j_x, j_z, j_w))
    pressure = (p.share * (place + p.pressure)).sum(1)
    d_moment = d_w - 2.0 * first * (FIRST @ j_v) + across[..., None] * j_x - along[..., None] * j_z
    d_moment = d_moment - pressure[..., None] * d_z
    share = jnp.moveaxis(p.share, 1, 2)
    no_place = jnp.zeros((m, PHASES, 2))
    jacobian = jnp.concatenate(
        [
            jnp.concatenate([d_z, no_place], -1) / NORMAL_SPREAD,
            jnp.concatenate([d_x, -jnp.moveaxis(p.drive[:, 1:], 1, 2)], -1) / SHEAR_SPREAD,
            jnp.concatenate([d_moment, -total_z[..., None] * share], -1) / MOMENT_SPREAD,
        ],
        axis=1,
    )
    drive = p.drive[:, 0] + (p.drive[:, 1:] * place).sum(1)
    residual = jnp.concatenate(
        [
            (total_z - p.total) / NORMAL_SPREAD,
            (total_x - drive) / SHEAR_SPREAD,
            (moment - total_z * pressure) / MOMENT_SPREAD,
        ],
        axis=1,
    )
    cost = cost + jnp.square(residual).sum(1)
    gradient = gradient + jnp.einsum("mru,mr->mu", jacobian, residual)
    matrix = matrix + jnp.swapaxes(jacobian, 1, 2) @ jacobian

    linear_cost, linear_gradient = _linear(p, x)
    return Normal(cost + linear_cost, gradient + linear_gradient, matrix + LINEAR)


def _expand(coefficients: list[Array]) -> Array:
    """Jacobian [M, P, U - 2] of a curve whose channels have these coefficients [M, P]."""
    legs = jnp.stack(coefficients[:6], axis=-1)[..., None] * BASIS[:, None]
    x, z, trunk = (
        c[..., None] * BASIS[:, columns]
        for c, columns in zip(coefficients[6:], (X_COLUMNS, Z_COLUMNS, TRUNK_COLUMNS))
    )
    return jnp.concatenate([legs.reshape(*legs.shape[:2], -1), x, z, trunk], axis=-1)


def _contact_matrix(blocks: Array) -> Array:
    """Put the blocks [M, 2, pairs, 19, 19] of both legs' channels where the unknowns are."""
    m = len(blocks)
    columns = [np.arange(WIDTH)] * 3 + [X_COLUMNS, Z_COLUMNS, np.array([0])]

    def block(leg: int, i: int, j: int) -> Array:
        part = blocks[:, leg, PAIRS.index((min(i, j), max(i, j)))]
        return part[:, columns[i]][:, :, columns[j]]

    def own(leg: int, i: int) -> list[Array]:
        """The row of one leg's channel i (0 to 2): own joints, pelvis x, z, trunk, placements."""
        joints = [block(leg, i, j) for j in range(3)]
        other = [jnp.zeros((m, WIDTH, LEG))]
        place = [block(leg, i, 5), jnp.zeros((m, WIDTH, 1))]
        row = joints + other if leg == 0 else other + joints
        row += [block(leg, i, 3), block(leg, i, 4), jnp.zeros((m, WIDTH, 9))]
        return row + (place if leg == 0 else place[::-1])

    rows = [jnp.concatenate(own(leg, i), -1) for leg in range(2) for i in range(3)]
    for i in (3, 4):
        row = [block(leg, i, j) for leg in range(2) for j in range(3)]
        row += [block(0, i, j) + block(1, i, j) for j in (3, 4)]
        row += [jnp.zeros((m, len(columns[i]), 9)), block(0, i, 5), block(1, i, 5)]
        rows.append(jnp.concatenate(row, -1))
    rows.append(jnp.zeros((m, 9, UNKNOWNS)))
    for leg in range(2):
        joints = [block(leg, 5, j) for j in range(3)]
        other = [jnp.zeros((m, 1, LEG))]
        row = joints + other if leg == 0 else other + joints
        row += [block(leg, 5, 3), block(leg, 5, 4), jnp.zeros((m, 1, 9))]
        place = [block(leg, 5, 5), jnp.zeros((m, 1, 1))]
        rows.append(jnp.concatenate(row + (place if leg == 0 else place[::-1]), -1))
    return jnp.concatenate(rows, axis=1)


def _linear_matrix() -> np.ndarray:
    """The Gauss-Newton matrix of the residuals that are linear in the unknowns; the same for everyone."""
    matrix = np.zeros((UNKNOWNS, UNKNOWNS))
    sign = np.array([1.0, -1.0, 1.0])
    for leg in range(2):
        for i in range(3):
            for j in range(3):
                rows = slice(LEG * leg + WIDTH * i, LEG * leg + WIDTH * (i + 1))
                columns = slice(LEG * leg + WIDTH * j, LEG * leg + WIDTH * (j + 1))
                block = sign[i] * sign[j] * SQUARES / FOOT_SPREAD**2
                if i == j:
                    block = block + SQUARES / ANGLE_SPREAD**2 + SHAPE
                matrix[rows, columns] = np.diag(block)
    matrix[PELVIS_X, PELVIS_X] = np.eye(16) * PHASES / 2 / DRIFT_SPREAD**2
    matrix[TRUNK, TRUNK] = np.diag(SQUARES[TRUNK_COLUMNS]) / LEAN_SPREAD**2
    return matrix


LINEAR = _linear_matrix()


def _linear(p: Design, x: Array) -> tuple[Array, Array]:
    """Cost and gradient of the linear residuals: templates, foot pitch, their shape, pelvis drift, lean."""
    m = len(x)
    legs = x[:, : 2 * LEG].reshape(m, 2, 3, WIDTH)
    gap = legs - p.target[:, :, :3]
    foot = legs[:, :, 0] - legs[:, :, 1] + legs[:, :, 2] - p.target[:, :, 3]
    foot = foot.at[..., 0].add(-p.tilt[:, None])
    pull = gap * (SQUARES / ANGLE_SPREAD**2 + SHAPE)
    lift = foot * SQUARES / FOOT_SPREAD**2
    sign = np.array([1.0, -1.0, 1.0])[:, None]
    lean = x[:, TRUNK].at[:, 0].add(-p.lean)
    lean_pull = lean * SQUARES[TRUNK_COLUMNS] / LEAN_SPREAD**2
    drift = x[:, PELVIS_X] * (PHASES / 2 / DRIFT_SPREAD**2)
    gradient = jnp.concatenate(
        [
            (pull + lift[:, :, None] * sign).reshape(m, -1),
            drift,
            jnp.zeros((m, 17)),
            lean_pull,
            jnp.zeros((m, 2)),
        ],
        axis=1,
    )
    cost = (gap * pull).sum((1, 2, 3)) + (foot * lift).sum((1, 2))
    cost += (lean * lean_pull).sum(1) + (x[:, PELVIS_X] * drift).sum(1)
    return cost, gradient


def start(p: Design) -> Array:
    """The templates, an upright pelvis, and feet placed symmetrically."""
    m = len(p.period)
    x = jnp.zeros((m, UNKNOWNS))
    x = x.at[:, : 2 * LEG].set(p.target[:, :, :3].reshape(m, -1))
    x = x.at[:, PELVIS_Z.start].set(0.985).at[:, TRUNK.start].set(p.lean)
    return x.at[:, PLACE:].set(0.45 * p.stance_end * p.step[:, None])


def project(t: Traits, p: Design, iterations: int = 5) -> Array:
    """Solve M projections by Levenberg-Marquardt from the templates.

    Args:
        t: Traits of M people.
        p: Their designs.
        iterations: Steps, the same number for all; three or four settle almost every gait.

    Returns:
        Unknowns [M, 158].
    """
    b = body(t)
    x = start(p)

    def iterate(_, state: tuple) -> tuple:
        x, damping, now = state
        diagonal = jnp.diagonal(now.matrix, axis1=1, axis2=2)
        damped = now.matrix + (damping[:, None] * diagonal)[:, None] * np.eye(UNKNOWNS)
        factor = jnp.linalg.cholesky(damped)
        step = jax.scipy.linalg.cho_solve((factor, True), now.gradient[..., None])[..., 0]
        tried = normal(t, b, p, x - step)
        better = tried.cost < now.cost

        def chosen(a: Array, old: Array) -> Array:
            return jnp.where(better.reshape(-1, *(1,) * (a.ndim - 1)), a, old)

        now = Normal(*(chosen(a, old) for a, old in zip(tried, now)))
        return chosen(x - step, x), jnp.where(better, damping / 10, damping * 10), now

    state = x, jnp.full(len(x), 1e-3), normal(t, b, p, x)
    return jax.lax.fori_loop(0, iterations, iterate, state)[0]

"""The sagittal projection for a batch: periodic motions nearest to the designs whose feet stick and whose forces fit.

The least squares are those of `projection`, with the left leg's Fourier coefficients in the phase of the right stride, so
that all people share one basis. A row of the Jacobian at phase n is `Σ_c coefficient_c[n] basis[n, :]` over channels c
(hip, knee, ankle, pelvis x, pelvis z, foot placement). Normal matrices `basisᵀ diag(g) basis` and derivatives
`rows diag(c) basis` are then products of curves with constant tables.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body.walker import design as d
from jaxdiff.body.walker.curves import fourier, spectral_derivative
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
    trunk_ahead: Array


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
        trunk_ahead=t.trunk_ahead,
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
    """Sum of squared residuals [M], half its gradient [M, U], and the Gauss-Newton matrix [M, U, U] in float32.

    Cost and gradient are exact. The matrix only shapes the steps: it is kept in single precision, and its force rows in
    the lowest harmonics.
    """

    cost: Array
    gradient: Array
    matrix: Array


PAIRS = [(i, j) for i in range(6) for j in range(i, 6)]
"""Contact channels: hip, knee, ankle, pelvis x, pelvis z, placement."""
FULL = np.array([PAIRS.index((min(i, j), max(i, j))) for i in range(6) for j in range(6)])
FORCE_HARMONICS = 16
FORCE_ROWS = fourier(np.arange(PHASES) / PHASES, FORCE_HARMONICS).T * np.sqrt(2.0 / PHASES)
FORCE_ROWS[0] /= np.sqrt(2.0)
PRODUCTS = np.einsum("ni,nj->nij", BASIS, BASIS).reshape(PHASES, -1).astype(np.float32)
"""`basisᵀ diag(g) basis` is `g @ PRODUCTS`."""
CURVE_ROWS, FIRST_ROWS, SECOND_ROWS = (
    np.einsum("rn,nk->nrk", FORCE_ROWS @ operator, BASIS).reshape(PHASES, -1).astype(np.float32)
    for operator in (np.eye(PHASES), FIRST, SECOND)
)
"""`rows diag(c) basis` of a curve and of its derivatives is `c @ table`."""
PRESSURE_ROWS = np.einsum("rn,sn->nrs", FORCE_ROWS, FORCE_ROWS).reshape(PHASES, -1)
PRESSURE_ROWS = PRESSURE_ROWS.astype(np.float32)


class Rows:
    """Residuals that involve no derivative, by channel: what they add to the cost, the gradient and the matrix."""

    def __init__(self, shape: tuple[int, ...]):
        self.cost: Array = jnp.zeros(shape[0])
        self.pulls: list[Array] = [jnp.zeros(shape)] * 6
        self.products: list[Array] = [jnp.zeros(shape)] * len(PAIRS)

    def add(
        self, pull: Array, weight: Array, coefficients: dict[int, Array | float], cost: Array
    ) -> None:
        """Residuals whose weighted sum is `pull`, with total squared weight `weight` and these coefficients."""
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
    aside = _aside(b)
    hip_x = root_x[:, None] + aside * jnp.sin(p.yaw)[:, None]
    hip_z = root_z[:, None] + aside * jnp.sin(p.obliquity)[:, None]
    upper = link(thigh, thigh_length, 0.0, p.upright)
    lower = link(shank, shank_length, 0.0, p.upright)
    knee_x, knee_z = hip_x + upper.x, hip_z + upper.z
    ankle_x, ankle_z = knee_x + lower.x, knee_z + lower.z

    rows = Rows(p.phase.shape)
    gap = knee - d.DEGREE * t.knee_floor[..., None]
    low = (gap < 0.0) / KNEE_SPREAD**2
    rows.add(low * gap, low, {1: 1.0}, low * gap**2)
    place = x[:, PLACE:, None]
    belt = place - p.step[:, None, None] * p.phase
    floor = CLEARANCE * jnp.sin(jnp.pi * jnp.clip(p.swing, 0.0, 1.0))
    stance = p.stance <= 1.0
    heel = jnp.clip(1.0 - t.equinus / 12.0, 0.0, 1.0)[..., None]
    leaving, landing = (
        d.smoothstep((0.58 - p.stance) / 0.14),
        d.smoothstep((p.stance + 0.02) / 0.08),
    )
    early = 1.0 - heel + heel * d.smoothstep((p.stance - 0.06) / 0.10)
    on_heel = stance * heel * leaving * landing
    on_ball = stance * early * d.smoothstep((1.0 - p.stance) / 0.06)
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
    pelvis_mass = MASS["pelvis"] + 0.0 * b.trunk_mass
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
        (limb * jnp.square(GYRATION[name] * ratio))[:, None]
        for limb, name, ratio in zip(
            limbs, ("thigh", "shank", "foot"), (b.thigh_ratio, b.shank_ratio, b.foot)
        )
    ]
    trunk_inertia = (b.trunk_mass * GYRATION["trunk"] ** 2)[:, None]
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
    linear_cost, linear_gradient = _linear(p, x)
    cost = rows.cost + linear_cost
    cost = cost + (lack_z**2 + lack_x**2 + lack_m**2).sum(1)

    jacobian = _force_jacobian(
        (flat_x, flat_z, swept, swept_v), p, pressure, total_z, rate, along, across
    )
    matrix = _contact_matrix(jnp.stack(rows.products, axis=2)) + LINEAR.astype(np.float32)
    matrix = matrix + jnp.swapaxes(jacobian, 1, 2) @ jacobian
    return Normal(cost, gradient + linear_gradient, matrix)


def _force_jacobian(
    coefficients: tuple[Array, ...],
    p: Design,
    pressure: Array,
    total_z: Array,
    rate: Array,
    along: Array,
    across: Array,
) -> Array:
    """Jacobian [M, 3 R, U] of the lowest harmonics of the three force residuals, in float32."""
    single = jnp.float32
    flat_x, flat_z, swept, swept_v = (c.astype(single) for c in coefficients)
    first, second = rate.astype(single)[..., None], jnp.square(rate).astype(single)[..., None]
    m, r = len(flat_x), len(FORCE_ROWS)

    def rows(curves: Array, table: np.ndarray) -> Array:
        """[M, R, U - 2]"""
        found = (curves.reshape(-1, PHASES) @ table).reshape(m, 9, r, WIDTH)
        legs = jnp.moveaxis(found[:, :6], 1, 2).reshape(m, r, -1)
        x, z, trunk = (found[:, 6 + i] for i in range(3))
        k = HARMONICS + 1
        return jnp.concatenate(
            [legs, x[..., 1:9], x[..., k : k + 8], z[..., :9], z[..., k : k + 8]]
            + [trunk[..., :5], trunk[..., k : k + 4]],
            axis=-1,
        )

    def places(curves: Array) -> Array:
        return curves.astype(single) @ FORCE_ROWS.T.astype(single)

    d_z, d_x = second * rows(flat_z, SECOND_ROWS), second * rows(flat_x, SECOND_ROWS)
    d_m = second * rows(swept, SECOND_ROWS) - 2.0 * first * rows(swept_v, FIRST_ROWS)
    level = across.astype(single)[..., None] * flat_x - along.astype(single)[..., None] * flat_z
    shift = (pressure.astype(single) @ PRESSURE_ROWS).reshape(m, r, r)
    d_m = d_m + rows(level, CURVE_ROWS) - shift @ d_z
    drive = jnp.moveaxis(places(p.drive[:, 1:]), 1, 2)
    share = jnp.moveaxis(places(total_z[:, None] * p.share), 1, 2)
    return jnp.concatenate(
        [
            jnp.concatenate([d_z, jnp.zeros_like(drive)], -1) / NORMAL_SPREAD,
            jnp.concatenate([d_x, -drive], -1) / SHEAR_SPREAD,
            jnp.concatenate([d_m, -share], -1) / MOMENT_SPREAD,
        ],
        axis=1,
    )


def _contact_matrix(products: Array) -> Array:
    """Gauss-Newton matrix [M, U, U] of the contact rows, for squared coefficients [M, 2, pairs, P] of the channels."""
    m = len(products)
    blocks = (products.astype(jnp.float32).reshape(-1, PHASES) @ PRODUCTS).reshape(
        m, 2, len(PAIRS), WIDTH, WIDTH
    )
    full = jnp.moveaxis(blocks[:, :, FULL].reshape(m, 2, 6, 6, WIDTH, WIDTH), 4, 3)
    full = full.reshape(m, 2, 6 * WIDTH, 6 * WIDTH)

    def used(a: Array, axis: int) -> Array:
        """The columns in use: joints, pelvis x without its mean and z to eight harmonics, the constant placement."""
        x, z, k = 3 * WIDTH, 4 * WIDTH, HARMONICS + 1
        spans = [(0, x), (x + 1, x + 9), (x + k, x + k + 8), (z, z + 9), (z + k, z + k + 8)]
        spans.append((5 * WIDTH, 5 * WIDTH + 1))
        return jnp.concatenate(
            [jax.lax.slice_in_dim(a, start, end, axis=axis) for start, end in spans], axis=axis
        )

    full = used(used(full, 2), 3)
    own, root, place = slice(0, LEG), slice(LEG, LEG + 33), slice(LEG + 33, LEG + 34)
    order = (own, root, place)

    def block(leg: int, i: int, j: int) -> Array:
        return full[:, leg, order[i], order[j]]

    def zero(rows: int, columns: int) -> Array:
        return jnp.zeros((m, rows, columns), jnp.float32)

    parts = []
    for leg in range(2):
        sides = [block(leg, 0, 0), zero(LEG, LEG)]
        ends = [block(leg, 0, 2), zero(LEG, 1)]
        flip = slice(None, None, -1) if leg else slice(None)
        parts.append([*sides[flip], block(leg, 0, 1), zero(LEG, 9), *ends[flip]])
    parts.append(
        [block(0, 1, 0), block(1, 1, 0), block(0, 1, 1) + block(1, 1, 1), zero(33, 9)]
        + [block(0, 1, 2), block(1, 1, 2)]
    )
    parts.append([zero(9, UNKNOWNS)])
    for leg in range(2):
        sides = [block(leg, 2, 0), zero(1, LEG)]
        ends = [block(leg, 2, 2), zero(1, 1)]
        flip = slice(None, None, -1) if leg else slice(None)
        parts.append([*sides[flip], block(leg, 2, 1), zero(1, 9), *ends[flip]])
    return jnp.concatenate([jnp.concatenate(row, -1) for row in parts], axis=1)


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


def project(t: Traits, p: Design, iterations: Array | int = 4) -> Array:
    """Solve M projections by Levenberg-Marquardt from the templates.

    Args:
        t: Traits of M people.
        p: Their designs.
        iterations: Steps, the same number for all; three or four settle almost every gait.

    Returns:
        Unknowns [M, 158].
    """
    b = body(t)
    m = len(p.period)

    class State(NamedTuple):
        best: Array
        tried: Array
        damping: Array
        now: Normal

    def iterate(_, state: State) -> State:
        found = normal(t, b, p, state.tried)
        better = found.cost < state.now.cost

        def chosen(a: Array, old: Array) -> Array:
            return jnp.where(better.reshape(-1, *(1,) * (a.ndim - 1)), a, old)

        now = Normal(*(chosen(a, old) for a, old in zip(found, state.now)))
        best = chosen(state.tried, state.best)
        damping = jnp.where(better, state.damping / 10, state.damping * 10)
        scale = jax.lax.rsqrt(jnp.diagonal(now.matrix, axis1=1, axis2=2))
        matrix = now.matrix * scale[:, :, None] * scale[:, None, :]
        matrix = matrix + damping[:, None, None].astype(jnp.float32) * np.eye(
            UNKNOWNS, dtype=np.float32
        )
        factor = jnp.linalg.cholesky(matrix)
        right = (now.gradient * scale).astype(jnp.float32)[..., None]
        step = jax.scipy.linalg.cho_solve((factor, True), right)[..., 0] * scale
        return State(best, best - step, damping, now)

    x = start(p)
    nothing = jnp.zeros((m, UNKNOWNS, UNKNOWNS), jnp.float32)
    now = Normal(jnp.full(m, jnp.inf), jnp.zeros((m, UNKNOWNS)), nothing)
    state = State(x, x, jnp.full(m, 1e-2), now)
    return jax.lax.fori_loop(0, iterations + 1, iterate, state).best

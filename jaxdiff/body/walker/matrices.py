"""Gauss-Newton matrices of the sagittal projection, from products of curves with constant tables.

A row of the Jacobian at phase n is `Σ_c coefficient_c[n] basis[n, :]` over channels c (hip, knee,
ankle, pelvis x, pelvis z, foot placement). Normal matrices `basisᵀ diag(g) basis` and derivatives
`rows diag(c) basis` are then such products. They only shape the steps: they are kept in single
precision, and their force rows in the lowest harmonics.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body.walker.curves import fourier, spectral_derivative
from jaxdiff.body.walker.design import Design
from jaxdiff.body.walker.grid import BASIS, HARMONICS, PHASES, WIDTH
from jaxdiff.body.walker.planar import LEG, TRUNK_COLUMNS
from jaxdiff.body.walker.projection import (
    ANGLE_SPREAD,
    DRIFT_SPREAD,
    FOOT_SPREAD,
    LEAN_SPREAD,
    MOMENT_SPREAD,
    NORMAL_SPREAD,
    SHAPE_SPREAD,
    SHEAR_SPREAD,
)
from jaxdiff.body.walker.sagittal import PELVIS_X, TRUNK, UNKNOWNS
from jaxdiff.typing import Array

FIRST, SECOND = (spectral_derivative(PHASES, order) for order in (1, 2))
SQUARES = np.concatenate([[1.0], np.full(2 * HARMONICS, 0.5)]) * PHASES
"""The diagonal of `basisᵀ basis`."""
SHAPE = (np.concatenate([[0], np.tile(np.arange(1, HARMONICS + 1), 2)]) / HARMONICS) ** 2
SHAPE = np.square(SHAPE * np.sqrt(PHASES / 2) / SHAPE_SPREAD)

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


def force_jacobian(
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


def contact_matrix(products: Array) -> Array:
    """Gauss-Newton matrix [M, U, U] of the contact rows, for squared coefficients [M, 2, pairs, P]
    of the channels.
    """
    m = len(products)
    blocks = (products.astype(jnp.float32).reshape(-1, PHASES) @ PRODUCTS).reshape(
        m, 2, len(PAIRS), WIDTH, WIDTH
    )
    full = jnp.moveaxis(blocks[:, :, FULL].reshape(m, 2, 6, 6, WIDTH, WIDTH), 4, 3)
    full = full.reshape(m, 2, 6 * WIDTH, 6 * WIDTH)

    def used(a: Array, axis: int) -> Array:
        """The columns in use: joints, pelvis x without its mean and z to eight harmonics, the
        constant placement.
        """
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


def linear_matrix() -> np.ndarray:
    """The Gauss-Newton matrix of the residuals that are linear in the unknowns; the same for
    everyone.
    """
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


LINEAR = linear_matrix()


def linear(p: Design, x: Array) -> tuple[Array, Array]:
    """Cost and gradient of the linear residuals: templates, foot pitch, their shape, pelvis drift,
    lean.
    """
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

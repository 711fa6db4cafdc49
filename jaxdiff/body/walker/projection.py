"""The sagittal projection: the periodic motion nearest to the templates whose feet stick and whose
forces are human.

A nonlinear least squares on 96 phases over the Fourier coefficients of hip, knee and ankle of both
legs, of the pelvis' x and z and of the trunk's pitch, and over the two foot placements.
Published-looking curves with the pelvis hung on the stance foot give forces from 0 to 3.6 body
weights; contact, total force, zero-moment point and shape have to be met together. Time derivatives
are exact spectral matrices, so the Jacobian is analytic.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from jaxdiff.body.walker.curves import smoothstep
from jaxdiff.body.walker.model import BALL, HEEL, SAGITTAL_GYRATION
from jaxdiff.body.walker.prescription import (
    FIRST_DERIVATIVE,
    PHASES,
    SECOND_DERIVATIVE,
    Prescription,
)
from jaxdiff.body.walker.sagittal import (
    BODIES,
    LEGS,
    MASSES,
    PELVIS_X,
    PELVIS_Z,
    PLACE,
    TRUNK,
    UNKNOWNS,
    fields,
    planar,
)
from jaxdiff.body.walker.templates import HARMONICS, evaluate

GYRATIONS = np.array([SAGITTAL_GYRATION[kind] for kind in BODIES])
ANGLE_SPREAD, FOOT_SPREAD = np.deg2rad(4.0), np.deg2rad(5.0)
KNEE_FLOOR, KNEE_SPREAD = np.deg2rad(2.0), np.deg2rad(1.2)
CONTACT_SPREAD, SLIP_WEIGHT, CLEARANCE, CLEARANCE_SPREAD = 0.0025, 0.7, 0.013, 0.005
NORMAL_SPREAD, SHEAR_SPREAD, MOMENT_SPREAD = 0.04, 0.03, 0.010
LEAN_SPREAD, SHAPE_SPREAD, DRIFT_SPREAD = np.deg2rad(1.5), np.deg2rad(0.7), 0.2
SHAPE_WEIGHT = (np.concatenate([[0], np.tile(np.arange(1, HARMONICS + 1), 2)]) / HARMONICS) ** 2
SHAPE_WEIGHT *= np.sqrt(PHASES / 2) / SHAPE_SPREAD


@lru_cache(maxsize=64)
def linear_residuals(left_phase: float) -> tuple[np.ndarray, np.ndarray]:
    """The matrix of all residuals that are linear in the unknowns, and its Gram matrix."""
    shape = np.zeros((LEGS + 16, UNKNOWNS))
    shape[:LEGS, :LEGS] = np.diag(np.tile(SHAPE_WEIGHT, 6))
    shape[LEGS:, PELVIS_X] = np.eye(16) * np.sqrt(PHASES / 2) / DRIFT_SPREAD
    legs, trunk = fields(left_phase).legs, fields(left_phase).trunk
    foot = legs[0] - legs[1] + legs[2]
    linear = [legs / ANGLE_SPREAD, foot / FOOT_SPREAD, trunk / LEAN_SPREAD, shape]
    linear = np.concatenate([rows.reshape(-1, UNKNOWNS) for rows in linear])
    return linear, linear.T @ linear


def aims(p: Prescription) -> np.ndarray:
    """What the linear residuals should reach: the templates, the lean, the templates' shape, no
    drift.
    """
    curves = np.moveaxis(evaluate(p.target, p.phase), 1, 0)
    foot = curves[3] + p.tilt
    lean = np.full(PHASES, p.lean)
    shape = p.target[:, :3] * SHAPE_WEIGHT
    parts = [curves[:3] / ANGLE_SPREAD, foot / FOOT_SPREAD, lean / LEAN_SPREAD, shape, np.zeros(16)]
    return np.concatenate([part.ravel() for part in parts])


def residuals(
    p: Prescription, unknowns: np.ndarray, jacobian: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Nonlinear residuals (contact, forces, knee floor), each divided by its spread, and their
    Jacobian.
    """
    s = planar(p, unknowns, jacobian)
    legs = fields(p.left_phase).legs
    columns = slice(UNKNOWNS if jacobian else 0)
    places = np.eye(UNKNOWNS)[PLACE:, columns]
    value, slope = [], []

    def add(r: np.ndarray, dr: np.ndarray, spread: float, weight: np.ndarray | float = 1.0) -> None:
        value.append((weight * r / spread).ravel())
        slope.append((np.asarray(weight)[..., None] * dr / spread).reshape(value[-1].size, -1))

    def add_floor(r: np.ndarray, dr: np.ndarray, spread: float) -> None:
        add(r, dr, spread, (r < 0).astype(float))

    add_floor(s.knee - KNEE_FLOOR, legs[1][..., columns], KNEE_SPREAD)
    belt = unknowns[PLACE:, None] - p.step * p.phase
    floor = CLEARANCE * np.sin(np.pi * np.clip(p.swing, 0.0, 1.0))
    in_stance = p.stance <= 1.0
    on_heel = (
        in_stance * smoothstep((0.58 - p.stance) / 0.14) * smoothstep((p.stance + 0.02) / 0.08)
    )
    on_ball = in_stance * smoothstep((p.stance - 0.06) / 0.10) * smoothstep((1.0 - p.stance) / 0.06)
    for point, reach, weight in ((s.heels, HEEL, on_heel), (s.balls, BALL, on_ball)):
        add(point.z, point.dz, CONTACT_SPREAD, weight)
        add(
            point.x - belt - reach, point.dx - places[:, None], CONTACT_SPREAD, SLIP_WEIGHT * weight
        )
        add_floor(point.z - floor, point.dz, CLEARANCE_SPREAD)

    first, second = FIRST_DERIVATIVE / p.period, SECOND_DERIVATIVE / p.period**2
    x, z, dx, dz = s.centres
    m, along, across = MASSES[:, None], np.sin(p.slope), np.cos(p.slope)
    fx, fz = m * (x @ second.T + along), m * (z @ second.T + across)
    total_x, total_z, d_x, d_z = (
        fx.sum(0),
        fz.sum(0),
        np.tensordot(MASSES, dx, 1),
        np.tensordot(MASSES, dz, 1),
    )
    d_total_x, d_total_z = second @ d_x, second @ d_z
    inertia = MASSES * GYRATIONS**2
    moment = (x * fz - z * fx).sum(0) + second @ (inertia @ s.angles)

    def swept(x: np.ndarray, z: np.ndarray) -> np.ndarray:
        return ((m * x)[..., None] * dz - (m * z)[..., None] * dx).sum(0)

    # x z'' - z x'' varies by (x dz - z dx)'' - 2 (x' dz - z' dx)': sum over the bodies first, differentiate once.
    momentum = second @ (swept(x, z) + np.tensordot(inertia, s.turns, 1)) - 2.0 * first @ swept(
        x @ first.T, z @ first.T
    )
    d_moment = momentum + across * d_x - along * d_z
    pressure = (p.share * (unknowns[PLACE:, None] + p.pressure)).sum(0)
    d_pressure = p.share.T @ places
    add(total_z - p.total, d_total_z, NORMAL_SPREAD)
    add(
        total_x - p.drive[0] - unknowns[PLACE:] @ p.drive[1:],
        d_total_x - p.drive[1:].T @ places,
        SHEAR_SPREAD,
    )
    error, d_error = (
        total_z * pressure,
        pressure[:, None] * d_total_z + total_z[:, None] * d_pressure,
    )
    add(moment - error, d_moment - d_error, MOMENT_SPREAD)
    return np.concatenate(value), np.concatenate(slope)


def linearise(p: Prescription, unknowns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All residuals: normal matrix `J'J`, gradient `J'r`, and the Jacobian of the nonlinear
    ones.
    """
    linear, gram = linear_residuals(p.left_phase)
    r, dr = residuals(p, unknowns)
    gradient = linear.T @ (linear @ unknowns - aims(p)) + dr.T @ r
    return gram + dr.T @ dr, gradient, dr


def cost(p: Prescription, unknowns: np.ndarray) -> float:
    """Sum of the squared residuals."""
    linear = linear_residuals(p.left_phase)[0] @ unknowns - aims(p)
    nonlinear, _ = residuals(p, unknowns, jacobian=False)
    return float(linear @ linear + nonlinear @ nonlinear)


def project(p: Prescription, iterations: int = 12, tolerance: float = 1e-3) -> np.ndarray:
    """The unknowns by Levenberg-Marquardt from the templates, until the cost falls by less than
    `tolerance` of itself.

    Three or four steps do. Damping is relative to the diagonal; it shrinks on success and grows on
    failure.
    """
    unknowns = np.zeros(UNKNOWNS)
    unknowns[:LEGS] = p.target[:, :3].ravel()
    unknowns[PELVIS_Z.start], unknowns[TRUNK.start] = 0.985, p.lean
    unknowns[PLACE:] = 0.45 * p.stance_end * p.step
    least, damping = cost(p, unknowns), 1e-3
    normal, gradient, _ = linearise(p, unknowns)
    for _ in range(iterations):
        tried = unknowns - np.linalg.solve(normal + damping * np.diag(np.diag(normal)), gradient)
        reached = cost(p, tried)
        if reached >= least:
            damping *= 10.0
            continue
        settled = least - reached < tolerance * least
        unknowns, least, damping = tried, reached, damping / 10.0
        if settled:
            break
        normal, gradient, _ = linearise(p, unknowns)
    return unknowns


def respond(
    p: Prescription, unknowns: np.ndarray, changed: Sequence[Prescription]
) -> list[np.ndarray]:
    """How the solution moves when its prescription changes a little:
    `dU = -(J'J)⁻¹ J'(r_changed - r)`.

    The contact- and Newton-consistent image of a deviation: this is how strides are made to vary.
    """
    linear, _ = linear_residuals(p.left_phase)
    normal, _, slope = linearise(p, unknowns)
    r, _ = residuals(p, unknowns, jacobian=False)
    gradients = [
        slope.T @ (residuals(other, unknowns, jacobian=False)[0] - r)
        + linear.T @ (aims(p) - aims(other))
        for other in changed
    ]
    return list(-np.linalg.solve(normal, np.stack(gradients, axis=1)).T)

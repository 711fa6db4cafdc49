"""The sagittal motion of one walker as a function of the unknowns of `projection`, with its
Jacobian.

The unknowns are Fourier coefficients of hip, knee and ankle of both legs, of the pelvis' x and z
and of the trunk's pitch, and the two foot placements.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from jaxdiff.body.walker.curves import fourier
from jaxdiff.body.walker.model import (
    BALL,
    FOOT_HEIGHT,
    HALF_PELVIS,
    HEEL,
    LUMBAR,
    OUTWARD,
    SAGITTAL,
    SAGITTAL_MASS,
    SHANK,
    THIGH,
    TRUNK_CENTRE,
)
from jaxdiff.body.walker.prescription import PHASES, Prescription
from jaxdiff.body.walker.templates import HARMONICS

WIDTH = 1 + 2 * HARMONICS
LEGS = 6 * WIDTH
PELVIS_X, PELVIS_Z, TRUNK = (
    slice(LEGS, LEGS + 16),
    slice(LEGS + 16, LEGS + 33),
    slice(LEGS + 33, LEGS + 42),
)
PLACE = LEGS + 42
UNKNOWNS = PLACE + 2
"""Hip, knee, ankle of the right leg, then of the left (19 each), pelvis x, pelvis z, trunk pitch,
x_R, x_L.
"""

BODIES = ("pelvis", "trunk", "thigh", "thigh", "shank", "shank", "foot", "foot")
MASSES = np.array([SAGITTAL_MASS[kind] for kind in BODIES])
PELVIS_CENTRE = SAGITTAL["pelvis"].centre[2]
THIGH_CENTRE, SHANK_CENTRE = -SAGITTAL["thigh"].centre[2], -SAGITTAL["shank"].centre[2]
FOOT_CENTRE = (SAGITTAL["foot"].centre[0], -SAGITTAL["foot"].centre[2])


class Fields(NamedTuple):
    """Linear maps (…, PHASES, UNKNOWNS) from the unknowns to curves."""

    legs: np.ndarray
    """Hip, knee and ankle (3) of both legs (2)."""
    x: np.ndarray
    z: np.ndarray
    trunk: np.ndarray


@lru_cache(maxsize=64)
def fields(left_phase: float) -> Fields:
    """The maps depend on the walker through the phase of the left leg only."""
    phase = np.arange(PHASES) / PHASES
    legs = np.zeros((3, 2, PHASES, UNKNOWNS))
    for leg, shift in enumerate((0.0, left_phase)):
        for joint in range(3):
            start = (3 * leg + joint) * WIDTH
            legs[joint, leg, :, start : start + WIDTH] = fourier(phase - shift, HARMONICS)
    x, z, trunk = np.zeros((3, PHASES, UNKNOWNS))
    x[:, PELVIS_X], z[:, PELVIS_Z], trunk[:, TRUNK] = (
        fourier(phase, 8)[:, 1:],
        fourier(phase, 8),
        fourier(phase, 4),
    )
    return Fields(legs, x, z, trunk)


class Point(NamedTuple):
    """A curve in the sagittal plane with its Jacobian."""

    x: np.ndarray
    z: np.ndarray
    dx: np.ndarray
    dz: np.ndarray

    def extend(
        self,
        angle: np.ndarray,
        field: np.ndarray,
        down: float,
        ahead: float = 0.0,
        upright: np.ndarray | float = 1.0,
    ) -> Point:
        """The point `down` the shaft and `ahead` of it on a segment flexed by `angle`, whose
        Jacobian is `field`.
        """
        cos, sin = np.cos(angle), np.sin(angle)
        x, z = ahead * cos + down * sin, upright * (ahead * sin - down * cos)
        turn_x, turn_z = down * cos - ahead * sin, upright * (ahead * cos + down * sin)
        return Point(
            self.x + x,
            self.z + z,
            self.dx + turn_x[..., None] * field,
            self.dz + turn_z[..., None] * field,
        )


class Planar(NamedTuple):
    """Sagittal kinematics with Jacobians; the legs stand in a leading axis of two."""

    hip: np.ndarray
    knee: np.ndarray
    ankle: np.ndarray
    pitch: np.ndarray
    trunk: np.ndarray
    root: Point
    ankles: Point
    heels: Point
    balls: Point
    centres: Point
    """Mass centres in the order of `MASSES`."""
    angles: np.ndarray
    """Segment angles, flexion positive, in the order of `MASSES`."""
    turns: np.ndarray
    """Their Jacobians."""


def planar(p: Prescription, unknowns: np.ndarray, jacobian: bool = True) -> Planar:
    """Where everything is, in the sagittal plane; without `jacobian` the Jacobians have no
    columns.
    """
    f = fields(p.left_phase)
    columns = slice(UNKNOWNS if jacobian else 0)
    hip, knee, ankle = f.legs @ unknowns
    thigh = hip - p.tilt
    shank = thigh - knee
    pitch = shank + ankle
    d_hip, d_knee, d_ankle = f.legs[..., columns]
    d_shank = d_hip - d_knee
    d_pitch = d_shank + d_ankle
    d_trunk = -f.trunk[:, columns]
    still = np.zeros_like(d_trunk)
    trunk = f.trunk @ unknowns

    root = Point(f.x @ unknowns, f.z @ unknowns, f.x[:, columns], f.z[:, columns])
    pelvis = root.extend(-p.tilt, still, -PELVIS_CENTRE)
    upper = root.extend(-p.tilt, still, -LUMBAR).extend(-trunk, d_trunk, -TRUNK_CENTRE)
    aside = -OUTWARD[:, None] * HALF_PELVIS
    hips = Point(
        root.x + aside * np.sin(p.yaw), root.z + aside * np.sin(p.obliquity), root.dx, root.dz
    )
    thighs = hips.extend(thigh, d_hip, THIGH_CENTRE, upright=p.upright)
    knees = hips.extend(thigh, d_hip, THIGH, upright=p.upright)
    shanks = knees.extend(shank, d_shank, SHANK_CENTRE, upright=p.upright)
    ankles = knees.extend(shank, d_shank, SHANK, upright=p.upright)
    feet = ankles.extend(pitch, d_pitch, FOOT_CENTRE[1], FOOT_CENTRE[0])
    centres = [Point(*(a[None] for a in point)) for point in (pelvis, upper)] + [
        thighs,
        shanks,
        feet,
    ]
    return Planar(
        hip=hip,
        knee=knee,
        ankle=ankle,
        pitch=pitch,
        trunk=trunk,
        root=root,
        ankles=ankles,
        heels=ankles.extend(pitch, d_pitch, FOOT_HEIGHT, HEEL),
        balls=ankles.extend(pitch, d_pitch, FOOT_HEIGHT, BALL),
        centres=Point(*(np.concatenate(parts) for parts in zip(*centres))),
        angles=np.concatenate([-p.tilt[None], -trunk[None], thigh, shank, pitch]),
        turns=np.concatenate([still[None], d_trunk[None], d_hip, d_shank, d_pitch]),
    )

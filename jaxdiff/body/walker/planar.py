"""The unknowns of the sagittal projection, the proportions of bodies, and the motion in the
sagittal plane they describe.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxdiff.body.walker.design import Design
from jaxdiff.body.walker.grid import BASIS, HARMONICS, WIDTH
from jaxdiff.body.walker.model import HALF_PELVIS, OUTWARD, SAGITTAL_MASS, SHANK, THIGH
from jaxdiff.body.walker.sagittal import PELVIS_X, PELVIS_Z, TRUNK
from jaxdiff.body.walker.traits import Traits
from jaxdiff.typing import Array

LEG = 3 * WIDTH
"""The unknowns of one leg: hip, knee, ankle. The rest of the layout is that of `sagittal`."""


def _columns(harmonics: int, constant: bool) -> np.ndarray:
    """Columns of the basis with harmonics up to a number."""
    waves = np.arange(1, harmonics + 1)
    return np.concatenate([[0] if constant else [], waves, HARMONICS + waves]).astype(int)


X_COLUMNS, Z_COLUMNS, TRUNK_COLUMNS = _columns(8, False), _columns(8, True), _columns(4, True)


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
    masses = [SAGITTAL_MASS[name] * t.leg_mass for name in ("thigh", "shank", "foot")]
    trunk = SAGITTAL_MASS["trunk"] + 2 * sum(
        SAGITTAL_MASS[name] for name in ("thigh", "shank", "foot")
    )
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
    """The vector along a segment to one of its points, and its derivative with respect to the
    segment's angle.
    """

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
    aside = aside_of(b)
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


def aside_of(b: Body) -> Array:
    return -OUTWARD[:, None] * (HALF_PELVIS * b.pelvis)[:, None, None]

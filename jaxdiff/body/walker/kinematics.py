"""Where the segments of many bodies are, and the forces that their motion needs: `model` and `dynamics` in a batch.

Coordinates are [29, M, T]. A vector is a tuple of its three components [M, T], a frame a tuple of its three axes, so that
the compiler sees element-wise arithmetic only.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxdiff.body.walker.curves import REACH, STENCIL
from jaxdiff.body.walker.model import (
    BALL,
    FOOT_HEIGHT,
    HEEL,
    LEG,
    SEGMENTS,
)
from jaxdiff.body.walker.solve import Body
from jaxdiff.typing import Array

MARGIN = 2 * REACH
Vector = tuple[Array, Array, Array]
Frame = tuple[Vector, Vector, Vector]
NAMES = tuple(segment.name for segment in SEGMENTS)
FEET = tuple(i for i, name in enumerate(NAMES) if name.startswith("foot"))
LIMB_MASS = 2 * (0.1416 + 0.0433 + 0.0137)


def add(a: Vector, b: Vector) -> Vector:
    """`a + b`."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def minus(a: Vector, b: Vector) -> Vector:
    """`a - b`."""
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def cross(a: Vector, b: Vector) -> Vector:
    """`a x b`."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def dot(a: Vector, b: Vector) -> Array:
    """`a · b`."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def point(joint: Vector, frame: Frame, at: tuple) -> Vector:
    """A point fixed to a segment, at components `at` of its frame (floats or [M, 1])."""
    for amount, axis in zip(at, frame):
        if not (isinstance(amount, int | float) and amount == 0):
            joint = tuple(j + amount * a for j, a in zip(joint, axis))  # type: ignore[assignment]
    return joint


class Proportions(NamedTuple):
    """Mass, joint in the parent, centre of mass and radii of gyration of the eleven segments; entries are [M, 1]."""

    mass: list
    joint: list
    centre: list
    gyration: list


def proportions(b: Body) -> Proportions:
    """The segments of M people."""
    column = {name: getattr(b, name)[:, None] for name in b._fields}
    lengths = {
        "thigh": column["thigh_ratio"],
        "shank": column["shank_ratio"],
        "foot": column["foot"],
    }
    mass, joint, centre, gyration = [], [], [], []
    for segment in SEGMENTS:
        kind = segment.name.split("_")[0]
        ratio = lengths.get(kind, 1.0)
        weight: Array | float = segment.mass
        if kind in lengths:
            weight = column[f"{kind}_mass"]
        elif kind == "trunk":
            weight = column["trunk_mass"] - 2 * 0.0494
        mass.append(weight + 0.0 * column["foot"])
        x, y, z = segment.joint
        if kind == "thigh":
            y = y * column["pelvis"]
        elif kind == "shank":
            z = -column["thigh"]
        elif kind == "foot":
            z = -column["shank"]
        joint.append((x, y, z))
        cx, cy, cz = segment.centre
        centre.append((cx * ratio, cy, cz) if kind == "foot" else (cx, cy, cz * ratio))
        gyration.append([g * ratio for g in segment.gyration])
    return Proportions(mass, joint, centre, gyration)


class Pose(NamedTuple):
    """Frames, joints and mass centres of the segments, and the axis of every coordinate (None for the slides)."""

    frame: list[Frame]
    joint: list[Vector]
    centre: list[Vector]
    hinge: list


def forward(q: Array, b: Proportions) -> Pose:
    """Forward kinematics of coordinates [29, M, T]."""
    cos, sin = jnp.cos(q[3:]), jnp.sin(q[3:])
    one, zero = jnp.ones_like(q[0]), jnp.zeros_like(q[0])
    world: Frame = ((one, zero, zero), (zero, one, zero), (zero, zero, one))
    pose = Pose([], [], [], [None] * len(q))
    for i, segment in enumerate(SEGMENTS):
        if segment.parent < 0:
            joint: Vector = (q[0], q[1], q[2])
            axes = list(world)
        else:
            parent = segment.parent
            joint = point(pose.joint[parent], pose.frame[parent], b.joint[i])
            axes = list(pose.frame[parent])
        for k, sign, coordinate in segment.hinges:
            pose.hinge[coordinate] = tuple(sign * a for a in axes[k])
            c, s = cos[coordinate - 3], sign * sin[coordinate - 3]
            first, second = axes[(k + 1) % 3], axes[(k + 2) % 3]
            axes[(k + 1) % 3] = tuple(c * a + s * b_ for a, b_ in zip(first, second))
            axes[(k + 2) % 3] = tuple(c * b_ - s * a for a, b_ in zip(first, second))
        pose.frame.append(tuple(axes))
        pose.joint.append(joint)
        pose.centre.append(point(joint, pose.frame[i], b.centre[i]))
    return pose


def difference(y: Array) -> Array:
    """Central difference of 8th order per sample along the last axis; four samples shorter at each end."""
    n = y.shape[-1] - 2 * REACH
    total = 0.0
    for k, weight in enumerate(STENCIL, start=1):
        total = total + weight * (
            y[..., REACH + k : REACH + k + n] - y[..., REACH - k : REACH - k + n]
        )
    return total


class Motion(NamedTuple):
    """Forces on the segments and in total, on the inner samples; stacked arrays [segments, 3, M, T] and [3, M, T]."""

    frame: Array
    joint: Array
    centre: Array
    hinge: Array
    """[18, 3, M, T]: the nine axes of the right leg, then of the left."""
    spin: Array
    force: Array
    couple: Array
    total: Array
    moment: Array
    zmp: Array


def _stack(vectors: list) -> Array:
    return jnp.stack([jnp.stack(vector) for vector in vectors])


def crossed(a: Array, b: Array, axis: int) -> Array:
    """Cross product of stacked vectors along an axis."""
    ax, ay, az = jnp.moveaxis(a, axis, 0)
    bx, by, bz = jnp.moveaxis(b, axis, 0)
    return jnp.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=axis)


def newton_euler(q: Array, rate: Array, slope: Array, b: Proportions) -> Motion:
    """Forces for coordinates [29, M, T + 2 MARGIN].

    Args:
        q: Coordinates, radians and leg lengths.
        rate: Samples per sqrt(L/g) [M, T + 2 MARGIN].
        slope: Radians [M, 1] or [M, T].
        b: The bodies.

    Returns:
        The motion on the T inner samples.
    """
    pose = forward(q, b)
    frame = jnp.stack([_stack(list(axes)) for axes in pose.frame])
    joint, centre = _stack(pose.joint), _stack(pose.centre)
    hinge = _stack([pose.hinge[k] for k in LEG.ravel()])
    inner, core = slice(REACH, -REACH), slice(MARGIN, -MARGIN)
    speed = rate[:, inner] * difference(centre)
    turn = rate[:, inner] * difference(frame)
    x, y, z = jnp.moveaxis(frame[..., inner], 1, 0)
    dx, dy, dz = jnp.moveaxis(turn, 1, 0)
    spin = jnp.stack([(z * dy).sum(1), (x * dz).sum(1), (y * dx).sum(1)], axis=1)
    gyration = jnp.stack([jnp.stack([g + 0.0 * b.mass[0] for g in row]) for row in b.gyration])
    mass = jnp.stack(b.mass)
    inertia = mass[:, None] * gyration**2
    own = inertia * spin
    momentum = own[:, :1] * x + own[:, 1:2] * y + own[:, 2:] * z
    up = jnp.stack([jnp.sin(slope), 0.0 * slope, jnp.cos(slope)])
    force = mass[:, None] * (rate[:, core] * difference(speed) + up)
    couple = rate[:, core] * difference(momentum)
    frame, joint, centre, hinge = (part[..., core] for part in (frame, joint, centre, hinge))
    total = force.sum(0)
    moment = crossed(centre, force, 1).sum(0) + couple.sum(0)
    zmp = jnp.stack([-moment[1], moment[0]]) / total[2]
    return Motion(
        frame, joint, centre, hinge, spin[..., REACH:-REACH], force, couple, total, moment, zmp
    )


def foot_points(b: Body) -> tuple[tuple, tuple]:
    """Heel and ball in the frame of the foot."""
    scale = b.foot[:, None]
    return (HEEL * scale, 0.0, -FOOT_HEIGHT), (BALL * scale, 0.0, -FOOT_HEIGHT)

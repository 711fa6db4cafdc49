"""Where the segments of many bodies are, and the forces that their motion needs: `model` and
`dynamics` in a batch.

Coordinates are [29, M, T], vectors [3, M, T]; a frame is a tuple of its three axes.
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
from jaxdiff.body.walker.planar import Body
from jaxdiff.typing import Array

MARGIN = 2 * REACH
Frame = tuple[Array, Array, Array]
NAMES = tuple(segment.name for segment in SEGMENTS)
FEET = tuple(i for i, name in enumerate(NAMES) if name.startswith("foot"))


def cross(a: Array, b: Array) -> Array:
    """`a x b` of vectors [3, ...]."""
    return jnp.stack(
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    )


def point(joint: Array, frame: Frame, at: tuple) -> Array:
    """A point fixed to a segment, at components `at` of its frame (floats or [M, 1])."""
    for amount, axis in zip(at, frame):
        if not (isinstance(amount, int | float) and amount == 0):
            joint = joint + amount * axis
    return joint


def turned(axes: Frame, hinges: tuple, cos: list[Array], sin: list[Array]) -> tuple[Frame, list]:
    """A frame after its hinges have turned by angles with these cosines and sines, and the axes
    they turned about.
    """
    now, about = list(axes), []
    for (k, sign, _), c, s in zip(hinges, cos, sin):
        about.append(sign * now[k])
        s = sign * s
        first, second = now[(k + 1) % 3], now[(k + 2) % 3]
        now[(k + 1) % 3], now[(k + 2) % 3] = c * first + s * second, c * second - s * first
    return (now[0], now[1], now[2]), about


def world(like: Array) -> Frame:
    """The axes of the treadmill, for vectors over `like` [M, T]."""
    one, zero = jnp.ones_like(like), jnp.zeros_like(like)
    x, y, z = ([zero] * i + [one] + [zero] * (2 - i) for i in range(3))
    return jnp.stack(x), jnp.stack(y), jnp.stack(z)


class Proportions(NamedTuple):
    """Mass, joint in the parent, centre of mass and radii of gyration of the eleven segments;
    entries are [M, 1].
    """

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
        elif kind == "arm":
            x = x + column["trunk_ahead"]
        elif kind == "shank":
            z = -column["thigh"]
        elif kind == "foot":
            z = -column["shank"]
        joint.append((x, y, z))
        cx, cy, cz = segment.centre
        if kind == "trunk":
            cx = cx + column["trunk_ahead"]
        centre.append((cx * ratio, cy, cz) if kind == "foot" else (cx, cy, cz * ratio))
        gyration.append([g * ratio for g in segment.gyration])
    return Proportions(mass, joint, centre, gyration)


class Pose(NamedTuple):
    """Frames, joints and mass centres of the segments, and the axis of every coordinate (None for
    the slides).
    """

    frame: list[Frame]
    joint: list[Array]
    centre: list[Array]
    hinge: list


def forward(q: Array, b: Proportions) -> Pose:
    """Forward kinematics of coordinates [29, M, T]."""
    cos, sin = jnp.cos(q), jnp.sin(q)
    pose = Pose([], [], [], [None] * len(q))
    for i, segment in enumerate(SEGMENTS):
        if segment.parent < 0:
            joint, axes = q[:3], world(q[0])
        else:
            axes = pose.frame[segment.parent]
            joint = point(pose.joint[segment.parent], axes, b.joint[i])
        turns = [coordinate for *_, coordinate in segment.hinges]
        frame, about = turned(
            axes, segment.hinges, [cos[k] for k in turns], [sin[k] for k in turns]
        )
        for coordinate, axis in zip(turns, about):
            pose.hinge[coordinate] = axis
        pose.frame.append(frame)
        pose.joint.append(joint)
        pose.centre.append(point(joint, frame, b.centre[i]))
    return pose


def difference(y: Array) -> Array:
    """Central difference of 8th order per sample along the last axis; four samples shorter at each
    end.
    """
    n = y.shape[-1] - 2 * REACH
    total = 0.0
    for k, weight in enumerate(STENCIL, start=1):
        total = total + weight * (
            y[..., REACH + k : REACH + k + n] - y[..., REACH - k : REACH - k + n]
        )
    return total


class Motion(NamedTuple):
    """Forces on the segments and in total, on the inner samples; stacked arrays [segments, 3, M, T]
    and [3, M, T].
    """

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
    frame = jnp.stack([jnp.stack(axes) for axes in pose.frame])
    joint, centre = jnp.stack(pose.joint), jnp.stack(pose.centre)
    hinge = jnp.stack([pose.hinge[k] for k in LEG.ravel()])
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

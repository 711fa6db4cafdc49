"""From solved gaits to recorded strides, for a batch: variability, inverse dynamics, foot forces,
sensors.

`trials`, `variability` and `dynamics` for many people and tasks at once. The stride coordinate x,
not time, is the independent variable; P uniform samples per stride are the grid of everything.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body.walker import design as d
from jaxdiff.body.walker.curves import fourier, stride_spline
from jaxdiff.body.walker.instruments import measured_force, smoothed
from jaxdiff.body.walker.kinematics import (
    FEET,
    MARGIN,
    Motion,
    crossed,
    difference,
    foot_points,
    forward,
    newton_euler,
    proportions,
)
from jaxdiff.body.walker.model import GRAVITY, LEG, OUTWARD
from jaxdiff.body.walker.planar import body
from jaxdiff.body.walker.traits import Traits
from jaxdiff.body.walker.variability import LEG_MODES, MODES
from jaxdiff.body.walker.whole import HARMONICS
from jaxdiff.typing import Array

SPARE = 1
"""Strides walked before and after those that are kept: for derivatives, delays and the left leg's
half stride.
"""
SPLINE_GAIN = 1.35
"""The B-spline averages neighbouring strides and would shrink their spread."""
SENSORS = (
    ("pelvis", (-0.12, 0.0, 0.09)),
    ("thigh", (0.02, 0.08, -0.23)),
    ("shank", (0.04, 0.03, -0.17)),
    ("foot", (0.09, 0.0, -0.02)),
)
"""Where sensors sit in their segments; y is outward."""


class Strides(NamedTuple):
    """Deviations of every stride [M, S + 2, ...]."""

    log_speed: np.ndarray
    """Of the belt or the walker, relative to the task."""
    log_length: np.ndarray
    amplitudes: np.ndarray
    """Of the modes, in standard deviations [M, S + 2, MODES]."""
    irregular: np.ndarray
    """Of the forces, from `instruments.ripple` [M, 2, 3, (S + 2)·P]."""


def footprint(motion: Motion, stance: Array, points: tuple) -> Array:
    """The point of the belt under each ankle of a flat foot [2, 2, M, T], from the heel early and
    the ball later.
    """
    found = []
    for leg, foot in enumerate(FEET):
        axes, joint = motion.frame[foot], motion.joint[foot]
        ahead = axes[0, :2] / jnp.sqrt(jnp.square(axes[0, :2]).sum(0))
        late = d.smoothstep((stance[:, leg] - 0.10) / 0.12)
        heel, ball = (
            joint[:2] + at[0] * axes[0, :2] + at[2] * axes[2, :2] - at[0] * ahead for at in points
        )
        found.append(heel + late * (ball - heel))
    return jnp.stack(found)


class Contact(NamedTuple):
    """Load share [2, M, T], centre of pressure and force [2, 3, M, T], free moment [2, M, T] of
    both feet.
    """

    share: Array
    pressure: Array
    force: Array
    free_moment: Array


def distribute(
    motion: Motion,
    share: Array,
    path: Array,
    stance: Array,
    slope: Array,
    points: tuple,
    mass: Array,
    soft: Array,
) -> Contact:
    """Share the wrench of the ground between the feet; see `dynamics.distribute`.

    `soft` [M] is the standard deviation in samples by which the correction of the centres of
    pressure is smoothed. The moments that it then lacks remain at the root.
    """
    share, path = jnp.moveaxis(share, 1, 0), jnp.moveaxis(path, 1, 0)
    aim = footprint(motion, stance, points)
    aim = aim.at[:, 0].add(path)
    both = 4.0 * share[0] * share[1]
    apart = jnp.where(both > 0.0, aim[0, 0] - aim[1, 0], 1.0)
    lacking = motion.zmp[0] - (share * aim[:, 0]).sum(0)
    right = jnp.clip(share[0] + both * jnp.clip(lacking / apart, -0.15, 0.15), 0.0, 1.0)
    share = jnp.stack([right, 1.0 - right])
    pressure = aim + smoothed(motion.zmp - (share[:, None] * aim).sum(0), soft)
    normal = share * motion.total[2]
    centre = (mass[:, None] * motion.centre).sum(0)
    height = d.PIVOT_HEIGHT
    pivot = jnp.stack([centre[0] + (height - centre[2]) * jnp.tan(slope), centre[1]])
    shear = normal[:, None] * (pivot - pressure) / height
    shear = shear + share[:, None] * (motion.total[:2] - shear.sum(0))
    twist = motion.moment[2] - (pressure[:, 0] * shear[:, 1] - pressure[:, 1] * shear[:, 0]).sum(0)
    force = jnp.concatenate([shear, normal[:, None]], axis=1)
    pressure = jnp.concatenate([pressure, jnp.zeros_like(pressure[:, :1])], axis=1)
    return Contact(share, pressure, force, share * twist)


def leg_torques(motion: Motion, contact: Contact) -> Array:
    """Torque [2, 9, M, T] about every hinge of both legs, distal side, in units of m g L."""
    torques = []
    for leg, foot in enumerate(FEET):
        force, moment = 0.0, 0.0  # carried by the joint, moment about the treadmill's origin
        for segment in (foot, foot - 1, foot - 2):
            force = force + motion.force[segment]
            moment = moment + motion.couple[segment]
            moment = moment + crossed(motion.centre[segment], motion.force[segment], 0)
            if segment == foot:
                force = force - contact.force[leg]
                moment = moment - crossed(contact.pressure[leg], contact.force[leg], 0)
                moment = moment.at[2].add(-contact.free_moment[leg])
            here = moment - crossed(motion.joint[segment], force, 0)
            first = 9 * leg + 3 * (segment - foot + 2)
            torques.append((motion.hinge[first : first + 3] * here).sum(1))
    order = [2, 1, 0]
    return jnp.stack([jnp.concatenate([torques[3 * leg + k] for k in order]) for leg in range(2)])


def euler(frame: Array) -> tuple[Array, Array, Array]:
    """Yaw, roll and pitch of a frame `Rz(yaw) Rx(roll) Ry(pitch)` [3, 3, M, T]."""
    x, y, z = frame
    yaw = jnp.arctan2(-y[0], y[1])
    roll = jnp.arcsin(jnp.clip(y[2], -1.0, 1.0))
    return yaw, roll, jnp.arctan2(-x[2], z[2])


def rotation(vector: Array) -> Array:
    """Rotation matrices [..., 3, 3] of rotation vectors [..., 3] in radians."""
    angle = jnp.sqrt(jnp.square(vector).sum(-1) + 1e-24)[..., None, None]
    x, y, z = jnp.moveaxis(vector, -1, 0)
    zero = jnp.zeros_like(x)
    skew = jnp.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    square = skew @ skew
    return jnp.eye(3) + jnp.sin(angle) / angle * skew + (1 - jnp.cos(angle)) / angle**2 * square


def sensors(
    q: Array, motion: Motion, rate: Array, slope: Array, t: Traits, second: Array, pose: Array
) -> Array:
    """Specific force (m/s²) and angular velocity (rad/s) [42, M, T] of the seven sensors, without
    noise.

    `pose` [7, 4, 3, M, T + 2 MARGIN] are the joint and the three axes of each segment on the outer
    samples.
    """
    inner, core = slice(MARGIN // 2, -MARGIN // 2), slice(MARGIN, -MARGIN)
    up = jnp.stack([jnp.sin(slope), 0.0 * slope, jnp.cos(slope)])
    turn = rotation(d.DEGREE * t.imu_turn)
    rows = []
    for k, (segment, place) in enumerate(_sensor_places()):
        at = place + t.imu_place[:, k]
        position = pose[k, 0] + sum(pose[k, 1 + i] * at[:, i, None] for i in range(3))
        speed = rate[:, inner] * difference(position)
        acceleration = rate[:, core] * difference(speed) + up
        axes = motion.frame[segment]
        local = GRAVITY * (axes * acceleration).sum(1)
        spin = motion.spin[segment] / second[:, None]
        for vector in (local, spin):
            rows.append(jnp.einsum("mji,jmt->imt", turn[:, k], vector))
    return jnp.concatenate(rows)


def _sensor_places() -> list[tuple[int, np.ndarray]]:
    found = [(0, np.array(SENSORS[0][1]))]
    for leg, foot in enumerate(FEET):
        for offset, (_, place) in zip((-2, -1, 0), SENSORS[1:]):
            found.append((foot + offset, np.array(place) * [1.0, OUTWARD[leg], 1.0]))
    return found


SENSOR_SEGMENTS = tuple(segment for segment, _ in _sensor_places())


@partial(jax.jit, static_argnames=("strides", "points", "modalities"))
def synthesise(
    t: Traits,
    factor: Array,
    u: Array,
    b: Array,
    coefficients: Array,
    modes: Array,
    deviations: Strides,
    *,
    strides: int,
    points: int,
    modalities: tuple[str, ...],
) -> dict[str, Array]:
    """Walk S strides of M gaits and record them.

    Args:
        t: Traits of M people.
        factor: Stride time relative to the norm [M].
        u: Speed `v / sqrt(gL)` [M].
        b: Slope [M] in degrees.
        coefficients: The solved gaits [M, 25, 29].
        modes: Change of the coefficients per unit of every mode and of log speed [M, MODES + 1, 25,
            29].
        deviations: What differs between strides.
        strides: S.
        points: P, samples per stride.
        modalities: Which signals are wanted.

    Returns:
        Signals [M, S·P, C], "time" [M, S·P], "stride_time" [M, S], "speed" [M, S] and "events" [M,
        S, 3].
    """
    padded = strides + 2 * SPARE
    x = np.arange(padded * points) / points
    right = stride_spline(np.eye(padded), x)
    left = stride_spline(np.eye(padded), x - 0.5)
    n = len(LEG_MODES)

    belt = u[:, None] * jnp.exp(deviations.log_speed @ right.T)
    eps = SPLINE_GAIN * (deviations.log_length @ right.T)
    shape_u = belt * jnp.exp(eps / d.SPEED_EXPONENT)
    a = jnp.swapaxes(deviations.amplitudes, 1, 2)
    unsteady = 1.0 + 0.9 * jnp.clip(0.33 - u, 0.0, 0.3) / 0.33
    unsteady = t.unsteadiness * jnp.minimum(unsteady * (1.0 + 0.4 * t.severity), 1.9)
    a = jnp.concatenate([a[:, :n] @ right.T, a[:, n : 2 * n] @ left.T, a[:, 2 * n :] @ right.T], 1)
    a = a * (SPLINE_GAIN * unsteady)[:, None, None]
    a = jnp.concatenate([a, jnp.log(shape_u / u[:, None])[:, None]], axis=1)

    basis = fourier(np.arange(points) / points, HARMONICS)
    base = jnp.einsum("pk,mkc->cmp", basis, coefficients)
    images = jnp.einsum("pk,mnkc->ncmp", basis, modes)
    a = a.reshape(len(u), MODES + 1, padded, points)
    q = base[:, :, None]
    for mode in range(MODES + 1):
        q = q + a[None, :, mode] * images[mode][:, :, None]
    q = q.reshape(29, len(u), -1)
    floor = d.DEGREE * (t.knee_floor - 5.0)
    soft = np.deg2rad(1.5)
    for leg in range(2):
        k = LEG[leg, 3]
        least = floor[:, leg, None]
        q = q.at[k].set(least + soft * jnp.logaddexp(0.0, (q[k] - least) / soft))

    second = jnp.sqrt(t.leg_length / GRAVITY)
    period = shape_u * d.stride_time(factor[:, None], shape_u, b[:, None]) / belt
    elapsed = jnp.cumsum(0.5 * (period[:, 1:] + period[:, :-1]), axis=1) / points
    elapsed = jnp.pad(elapsed, ((0, 0), (1, 0)))
    time = second[:, None] * (elapsed - elapsed[:, SPARE * points, None])
    rate = points / period
    core = slice(MARGIN, -MARGIN)
    start = SPARE * points - MARGIN
    keep = slice(start, start + strides * points)

    who = body(t)
    slope = d.DEGREE * b[:, None]
    sizes = proportions(who)
    template = d.template_speed(factor[:, None], shape_u)
    stance_end = d.duty(t, template)
    out = {
        "time": time[:, core][:, keep],
        "stride_time": jnp.diff(time[:, SPARE * points :: points][:, : strides + 1], axis=1),
        "speed": (belt / second[:, None] * t.leg_length[:, None])[:, SPARE * points :]
        .reshape(len(u), -1, points)[:, :strides]
        .mean(-1),
    }
    middle = stance_end[:, :, SPARE * points + points // 2 :: points][:, :, :strides]
    strike = jnp.broadcast_to(t.left_phase[:, None], middle[:, 0].shape)
    out["events"] = jnp.stack([middle[:, 0], strike, (strike + middle[:, 1]) % 1.0], axis=-1)

    motion = newton_euler(q, rate, slope, sizes)
    inner = q[..., core]
    rows: dict[str, list[Array]] = {}
    if "angles" in modalities:
        channels = []
        for segment in (0, 1):
            yaw, roll, pitch = euler(motion.frame[segment])
            channels += [pitch, -roll, yaw]
        for leg, foot in enumerate(FEET):
            channels += [*inner[LEG[leg]], jnp.arcsin(motion.frame[foot, 0, 2])]
        width = t.angle_smoothing / second * rate.mean(-1)
        rows["angles"] = list(smoothed(jnp.stack(channels) / d.DEGREE, width))
    if "feet" in modalities:
        rows["feet"] = []
        for leg, foot in enumerate(FEET):
            e = -OUTWARD[leg]
            x, y, z = motion.frame[foot]
            turns = jnp.arctan2(y[2], z[2]), jnp.arctan2(x[1], x[0])
            rows["feet"] += [e * turn / d.DEGREE for turn in turns]
    kinetic = {"moments", "powers", "grf", "cop", "emg"} & set(modalities)
    if kinetic:
        phase = np.arange(padded * points)[core] % points / points
        own = d.leg_phase(t, phase)
        ends = stance_end[..., core]
        stance = own / ends
        load = d.loading(t, template[:, core], stance, ends)
        contact = distribute(
            motion,
            load / load.sum(1, keepdims=True),
            d.pressure_path(t, stance),
            stance,
            slope,
            foot_points(who),
            jnp.stack(sizes.mass),
            t.soft_tissue / second * rate.mean(-1),
        )
        samples = t.smoothing / second * rate.mean(-1)
        since = own * (period * second[:, None])[:, None, core]
        force = measured_force(
            contact.force,
            t,
            deviations.irregular[..., core],
            since,
            shape_u[:, core],
            samples,
        )
        shift = jnp.pad(t.plate_shift / t.leg_length[:, None], ((0, 0), (0, 1)))
        contact = contact._replace(force=force, pressure=contact.pressure + shift.T[..., None])
        width = t.angle_smoothing / second * rate.mean(-1)
        filtered = motion._replace(
            force=smoothed(motion.force, width), couple=smoothed(motion.couple, width)
        )
        torques = leg_torques(filtered, contact)
        scale = GRAVITY * t.leg_length[:, None]
        if "moments" in modalities or "emg" in modalities:
            rows["moments"] = [-row * scale for leg in torques for row in leg]
        if "powers" in modalities:
            spin = rate[:, core] * difference(q[LEG])[..., MARGIN // 2 : -MARGIN // 2]
            power = (torques * smoothed(spin, width)).reshape(2, 3, 3, *spin.shape[-2:]).sum(2)
            rows["powers"] = [row * scale / second[:, None] for leg in power for row in leg]
        if "grf" in modalities:
            rows["grf"] = []
            for leg in range(2):
                fx, fy, fz = GRAVITY * contact.force[leg]
                rows["grf"] += [fx, -OUTWARD[leg] * fy, fz]
        if "cop" in modalities:
            rows["cop"] = []
            for leg, foot in enumerate(FEET):
                away = contact.pressure[leg] - motion.joint[foot]
                loaded = contact.force[leg, 2] > 0.02
                for row in (away[0], -OUTWARD[leg] * away[1]):
                    rows["cop"].append(jnp.where(loaded, t.leg_length[:, None] * row, 0.0))
        if "emg" in modalities:
            out["phase"] = own[..., keep]
    if "imu" in modalities:
        pose = forward(q, sizes)
        outer = jnp.stack([jnp.stack([pose.joint[i], *pose.frame[i]]) for i in SENSOR_SEGMENTS])
        rows["imu"] = list(sensors(q, motion, rate, slope, t, second, outer))
    for name, channels in rows.items():
        out[name] = jnp.stack([c[:, keep] for c in channels], axis=-1).astype(jnp.float32)
    return out

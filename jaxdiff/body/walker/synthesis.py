"""From solved gaits to recorded strides, for a batch: variability, then what is measured of the
motion.

`trials`, `variability` and `dynamics` for many people and tasks at once. The stride coordinate x,
not time, is the independent variable; P uniform samples per stride are the grid of everything.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body.walker.contact import distribute, leg_torques
from jaxdiff.body.walker.curves import fourier, stride_spline
from jaxdiff.body.walker.grid import DEGREE
from jaxdiff.body.walker.instruments import measured_force, smoothed
from jaxdiff.body.walker.kinematics import (
    FEET,
    MARGIN,
    difference,
    foot_points,
    forward,
    newton_euler,
    proportions,
)
from jaxdiff.body.walker.model import GRAVITY, LEG, OUTWARD
from jaxdiff.body.walker.planar import body
from jaxdiff.body.walker.sensors import SENSOR_SEGMENTS, sensors
from jaxdiff.body.walker.stance import (
    duty,
    leg_phase,
    loading,
    pressure_path,
    stride_time,
    template_speed,
)
from jaxdiff.body.walker.timing import SPEED_EXPONENT
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


class Strides(NamedTuple):
    """Deviations of every stride [M, S + 2, ...]."""

    log_speed: np.ndarray
    """Of the belt or the walker, relative to the task."""
    log_length: np.ndarray
    amplitudes: np.ndarray
    """Of the modes, in standard deviations [M, S + 2, MODES]."""
    irregular: np.ndarray
    """Of the forces, from `instruments.ripple` [M, 2, 3, (S + 2)·P]."""


def euler(frame: Array) -> tuple[Array, Array, Array]:
    """Yaw, roll and pitch of a frame `Rz(yaw) Rx(roll) Ry(pitch)` [3, 3, M, T]."""
    x, y, z = frame
    yaw = jnp.arctan2(-y[0], y[1])
    roll = jnp.arcsin(jnp.clip(y[2], -1.0, 1.0))
    return yaw, roll, jnp.arctan2(-x[2], z[2])


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
    shape_u = belt * jnp.exp(eps / SPEED_EXPONENT)
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
    floor = DEGREE * (t.knee_floor - 5.0)
    soft = np.deg2rad(1.5)
    for leg in range(2):
        k = LEG[leg, 3]
        least = floor[:, leg, None]
        q = q.at[k].set(least + soft * jnp.logaddexp(0.0, (q[k] - least) / soft))

    second = jnp.sqrt(t.leg_length / GRAVITY)
    period = shape_u * stride_time(factor[:, None], shape_u, b[:, None]) / belt
    elapsed = jnp.cumsum(0.5 * (period[:, 1:] + period[:, :-1]), axis=1) / points
    elapsed = jnp.pad(elapsed, ((0, 0), (1, 0)))
    time = second[:, None] * (elapsed - elapsed[:, SPARE * points, None])
    rate = points / period
    core = slice(MARGIN, -MARGIN)
    start = SPARE * points - MARGIN
    keep = slice(start, start + strides * points)

    who = body(t)
    slope = DEGREE * b[:, None]
    sizes = proportions(who)
    template = template_speed(factor[:, None], shape_u)
    stance_end = duty(t, template)
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
        rows["angles"] = list(smoothed(jnp.stack(channels) / DEGREE, width))
    if "feet" in modalities:
        rows["feet"] = []
        for leg, foot in enumerate(FEET):
            e = -OUTWARD[leg]
            x, y, z = motion.frame[foot]
            turns = jnp.arctan2(y[2], z[2]), jnp.arctan2(x[1], x[0])
            rows["feet"] += [e * turn / DEGREE for turn in turns]
    kinetic = {"moments", "powers", "grf", "cop", "emg"} & set(modalities)
    if kinetic:
        phase = np.arange(padded * points)[core] % points / points
        own = leg_phase(t, phase)
        ends = stance_end[..., core]
        stance = own / ends
        load = loading(t, template[:, core], stance, ends)
        contact = distribute(
            motion,
            load / load.sum(1, keepdims=True),
            pressure_path(t, stance),
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
        rows["imu"] = list(sensors(motion, rate, slope, t, second, outer))
    for name, channels in rows.items():
        out[name] = jnp.stack([c[:, keep] for c in channels], axis=-1).astype(jnp.float32)
    return out

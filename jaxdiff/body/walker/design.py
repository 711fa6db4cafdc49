"""What the gait of every person and task should look like, before its motion is solved for: a batch
at a time.

The equations are those of `timing`, `templates` and `prescription` for single walkers. The batch
[M] comes first and the phases of the right stride [P] last; a middle axis of two holds (right,
left).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body.walker.curves import fourier
from jaxdiff.body.walker.model import HALF_PELVIS, OUTWARD
from jaxdiff.body.walker.traits import Traits
from jaxdiff.typing import Array

PHASES = 96
HARMONICS = 9
WIDTH = 1 + 2 * HARMONICS
PHASE = np.arange(PHASES) / PHASES
BASIS = fourier(PHASE, HARMONICS)
FIT = np.linalg.pinv(BASIS)
WAVE = fourier(PHASE, PHASES // 2 - 1)
"""All real harmonics of the grid but the highest: an orthogonal basis for periodic equations."""
FREQUENCY = 2.0 * np.pi * np.concatenate([[0], np.tile(np.arange(1, PHASES // 2), 2)])

SPEED_EXPONENT = 0.57
DOUBLE_SUPPORT = 0.03
"""Least overlap of the stance phases in walking, as a fraction of the stride."""
SIGNATURE_RANGE = (-0.15, 0.3)
"""Speeds relative to 0.4 over which the shapes of a person change with speed."""
PIVOT_HEIGHT, PENDULUM_HEIGHT, PELVIS_HEIGHT = 1.12, 1.08, 0.92
DEGREE = np.pi / 180.0


def smoothstep(x: Array) -> Array:
    """The quintic `x³(10 - 15x + 6x²)` of x clipped to [0, 1]."""
    x = jnp.clip(x, 0.0, 1.0)
    return x * x * x * (10.0 - 15.0 * x + 6.0 * x * x)


def stride_time(factor: Array, u: Array, b: Array) -> Array:
    """Stride time in sqrt(L/g) at speed u and slope b (degrees); `factor` is relative to the
    norm.
    """
    frequency = 0.5605 * (u / 0.4) ** (1.0 - SPEED_EXPONENT)
    return factor * 2.0 / (frequency * (1.0 - 0.003 * b + 0.003 * jnp.maximum(-b, 0.0)))


def template_speed(factor: Array, u: Array) -> Array:
    """The speed at which the norm takes strides of this length."""
    return u * factor ** (1.0 / SPEED_EXPONENT)


def legs(values: Array, like: int) -> Array:
    """Values [M, 2] shaped for arrays [M, 2, ...] with `like` dimensions."""
    return values.reshape(*values.shape, *(1,) * (like - 2))


def leg_phase(t: Traits, phase: Array) -> Array:
    """Phases [M, 2, P] of both legs, for phases [P] or [M, P] of the right one."""
    left = phase - t.left_phase[:, None]
    return jnp.stack([jnp.broadcast_to(phase, left.shape), left], axis=1) % 1.0


def duty(t: Traits, template: Array) -> Array:
    """Stance as a fraction of the stride [M, 2, ...], at template speeds [M, ...]."""
    norm = 0.62 * (template / 0.4) ** -0.075
    faster = (template - 0.4) * t.duty_slope.reshape(-1, *(1,) * (norm.ndim - 1))
    other = jnp.stack([t.left_phase, 1.0 - t.left_phase], axis=1)
    least = legs(jnp.maximum(other + DOUBLE_SUPPORT, 0.53), norm.ndim + 1)
    return jnp.clip((norm + faster)[:, None] + legs(t.duty, norm.ndim + 1), least, 0.85)


def loading(t: Traits, template: Array, stance: Array, stance_end: Array) -> Array:
    """Shape [M, 2, P] of the normal force under each foot, unscaled."""
    template = template[:, None]
    double_support = (stance_end[:, :1] + stance_end[:, 1:] - 1.0) / 2.0 / stance_end
    rise = double_support * jnp.clip(0.75 + 0.9 * (0.4 - template), 0.7, 1.0)
    rise = rise * t.load_rise[..., None]
    dip = 0.17 * t.dip_factor[:, None, None] * (template / 0.4) ** 1.5 + t.load_dip[..., None]
    tilt = -0.02 + t.load_tilt[..., None]
    angle = 2.0 * jnp.pi * stance
    hump = 1.0 - dip * jnp.cos(2.0 * angle) + tilt * jnp.sin(angle)
    fall = double_support[:, ::-1] * t.load_fall[..., None]
    left = jnp.clip((1.0 - stance) / fall, 0.0, 1.0)
    quintic = smoothstep(left)
    cubic = left * left * (3.0 - 2.0 * left)
    ramps = smoothstep(stance / rise) * (quintic + t.load_end[..., None] * (cubic - quintic))
    return t.load_scale[..., None] * ramps * hump


def pressure_path(t: Traits, stance: Array) -> Array:
    """Centre of pressure along each foot, ahead of the ankle [M, 2, P]."""
    s = jnp.clip(stance, 0.0, 1.0)
    toes = jnp.clip(t.equinus / 25.0, 0.0, 0.8)
    end = (t.pressure_end * t.foot_scale[:, None])[..., None]
    start = t.pressure_start * t.foot_scale[:, None] * (1.0 - toes) + 0.12 * toes
    start = start[..., None]
    return start + (end - start) * (s + t.pressure_bow[..., None] * jnp.sin(jnp.pi * s))


def periodic_pchip(knots: Array, values: Array) -> Array:
    """Monotone cubic curves [..., PHASES] of period 1 through points [..., n] with increasing
    knots.
    """
    x = jnp.concatenate([knots[..., -2:] - 1.0, knots, knots[..., :2] + 1.0], axis=-1)
    y = jnp.concatenate([values[..., -2:], values, values[..., :2]], axis=-1)
    h = jnp.diff(x, axis=-1)
    slope = jnp.diff(y, axis=-1) / h
    before, after = slope[..., :-1], slope[..., 1:]
    w_before, w_after = h[..., :-1] + 2.0 * h[..., 1:], 2.0 * h[..., :-1] + h[..., 1:]
    monotone = before * after > 0.0
    before, after = jnp.where(monotone, before, 1.0), jnp.where(monotone, after, 1.0)
    harmonic = (w_before + w_after) / (w_before / before + w_after / after)
    tangent = jnp.where(monotone, harmonic, 0.0)
    x, y, h = x[..., 1:-1], y[..., 1:-1], h[..., 1:-1]
    place = (PHASE[:, None] >= x[..., None, :]).sum(-1) - 1
    place = jnp.clip(place, 0, h.shape[-1] - 1)

    def at(a: Array, offset: int = 0) -> Array:
        return jnp.take_along_axis(a, place + offset, axis=-1)

    width = at(h)
    s = (PHASE - at(x)) / width
    return (
        (1 + 2 * s) * (1 - s) ** 2 * at(y)
        + s * (1 - s) ** 2 * width * at(tangent)
        + s**2 * (3 - 2 * s) * at(y, 1)
        + s**2 * (s - 1) * width * at(tangent, 1)
    )


def key_points(t: Traits, template: Array, slope: Array) -> list[tuple[list, list]]:
    """Hip, knee, ankle and foot pitch: stance points and swing points (fraction, degrees [M,
    2]).
    """
    p, n = jnp.maximum(slope, 0.0)[:, None], jnp.maximum(-slope, 0.0)[:, None]
    du = template[:, None] - 0.4
    kst, ksw, apf, adf = t.knee_stance, t.knee_swing, t.ankle_push, t.ankle_dorsi
    c, drop, equinus, passive = t.crouch, t.drop_foot, t.equinus, t.prosthesis
    h0 = 26 + 22 * du + 1.9 * p - 0.45 * n + t.hip_flexion + 0.6 * c
    hm = -11 - 22 * du + 0.2 * p + 1.1 * n + t.hip_extension + 0.6 * c
    step = 0.35 * drop  # steppage: the leg is lifted higher where the foot drops
    k1 = 18 + 30 * du + 1.4 * p + 1.1 * n + kst + c
    k2 = 6 + 0.6 * p + 1.7 * n + 0.6 * kst + c
    kx = 60 + 22 * du + 0.4 * p + 0.8 * n + ksw + 0.2 * c + step
    a0 = p - 0.3 * n + adf + 0.5 * c - 0.8 * drop - equinus
    peak = 13.5 + 0.7 * p + 0.7 * n + 0.6 * adf + 0.5 * c - equinus
    at = -16 - 16 * du - 0.3 * p + 0.8 * n + apf - 0.3 * equinus
    at = at + passive * (-2.0 - at)
    toes = adf + 0.3 * c - drop - equinus
    f0 = 20 + 24 * du - 0.3 * n - 0.9 * p + 0.7 * adf - 0.3 * kst
    f0 = f0 - 0.4 * c - drop - 1.3 * equinus - 4.0 * passive
    ft = -60 - 28 * du + 0.6 * n + 0.2 * p + 0.5 * apf + 8.0 * passive
    rise = -0.8 * equinus
    hip = (
        [(0, h0), (0.18, h0 - 3), (0.5, 0.42 * h0 + 0.58 * hm - 1), (0.83, hm)]
        + [(1, hm + 8 + 5 * du)],
        [(0.4, 0.3 * hm + 0.7 * h0 + 1 + step), (0.7, h0 + 3 + 0.2 * p + step)],
    )
    knee = (
        [(0, 5 + 2.2 * p + 0.3 * n + 0.5 * kst + c), (0.22, k1), (0.62, k2)]
        + [(0.82, k2 + 6 + 0.4 * n), (1, 38 - 0.3 * p + 1.2 * n + 0.5 * ksw + 0.3 * c)],
        [(0.28, kx), (0.55, 0.62 * kx), (0.8, 12 + 1.8 * p + 0.3 * kst + 0.6 * c)]
        + [(0.95, 3 + 2 * p + 0.2 * n + 0.4 * kst + c)],
    )
    ankle = (
        [(0, a0), (0.1, a0 - 5 + 3 * passive + 0.15 * drop + 0.4 * equinus)]
        + [(0.5, 7 + 0.9 * p + 0.2 * n + 0.6 * adf + 0.5 * c - equinus), (0.74, peak)]
        + [(0.9, 0.45 * (13 + 0.5 * c - equinus + at)), (1, at)],
        [(0.1, at - 1 + passive), (0.5, 1 + 0.6 * p + toes), (0.8, 2 + 0.8 * p + toes)],
    )
    foot = (
        [(0, f0), (0.07, 0.45 * f0), (0.15, 0.7 * rise), (0.3, 0.6 * rise)]
        + [(0.5, 0.8 * rise), (0.63, -5 + rise), (0.8, -19 + 0.5 * rise)]
        + [(0.91, -36), (1, ft)],
        [(0.12, ft - 5), (0.35, -38), (0.58, -8 - 0.7 * drop - 0.7 * equinus)]
        + [(0.78, 9 - drop - equinus), (0.92, f0)],
    )
    return [hip, knee, ankle, foot]


def leg_templates(t: Traits, template: Array, slope: Array, stance_end: Array) -> Array:
    """Fourier coefficients [M, 2, 4, 19] of hip, knee, ankle and foot pitch, in degrees and each
    leg's own phase.
    """
    curves = []
    for stance, swing in key_points(t, template, slope):
        knots = [s * stance_end for s, _ in stance]
        knots += [stance_end + w * (1 - stance_end) for w, _ in swing]
        values = [jnp.broadcast_to(v, stance_end.shape) for _, v in stance + swing]
        curves.append(periodic_pchip(jnp.stack(knots, -1), jnp.stack(values, -1)))
    coefficients = jnp.stack(curves, axis=2) @ FIT.T
    place = np.zeros((9, WIDTH))
    place[np.arange(9), [0, 1, 2, 3, 4, *(HARMONICS + k for k in range(1, 5))]] = 1.0
    faster = jnp.clip(template - 0.4, *SIGNATURE_RANGE)
    signature = t.signature + faster[:, None, None, None] * t.signature_slope
    own = jnp.pad(signature @ place, ((0, 0), (0, 0), (0, 1), (0, 0)))
    return coefficients + own


def wave(phase: Array, shift: float = 0.0, harmonic: int = 1) -> Array:
    """`cos 2πk(phase - shift)`."""
    return jnp.cos(2.0 * jnp.pi * harmonic * (phase - shift))


def oscillation(period: Array, stiffness: Array, forcing: Array, iterations: int = 20) -> Array:
    """The periodic solution of `X'' = stiffness X + forcing`, with time derivatives.

    The mean stiffness is inverted exactly in the Fourier domain; its ripple is a contraction.

    Args:
        period: [M].
        stiffness: [M, P], positive.
        forcing: [M, F, P].
        iterations: Number of fixed-point steps; each gains about a factor of three.

    Returns:
        X [M, F, P].
    """
    norm = np.concatenate([[1.0], np.full(PHASES - 2, 2.0)]) / PHASES
    mean = stiffness.mean(-1, keepdims=True)
    gain = -norm / (jnp.square(FREQUENCY / period[:, None]) + mean)
    ripple = (stiffness - mean)[:, None]
    x = jnp.zeros_like(forcing)

    def improve(_, x: Array) -> Array:
        return ((forcing + ripple * x) @ WAVE * gain[:, None]) @ WAVE.T

    return jax.lax.fori_loop(0, iterations, improve, x)


def second_derivative(x: Array) -> Array:
    """Second phase derivative of curves [..., P]."""
    norm = np.concatenate([[1.0], np.full(PHASES - 2, 2.0)]) / PHASES
    return (x @ (WAVE * (-np.square(FREQUENCY) * norm))) @ WAVE.T


class Design(NamedTuple):
    """What one gait should be; arrays [M, ...] over the phases of the right stride."""

    slope: Array
    """Radians [M]."""
    period: Array
    step: Array
    """Stride length over the belt [M]."""
    stance_end: Array
    phase: Array
    stance: Array
    swing: Array
    target: Array
    """Coefficients [M, 2, 4, 19] of hip, knee, ankle and foot pitch in radians and the phase of the
    RIGHT stride.
    """
    yaw: Array
    obliquity: Array
    tilt: Array
    """Constant pelvic tilt [M]."""
    trunk_yaw: Array
    trunk_roll: Array
    lean: Array
    shoulder: Array
    hip_rotation: Array
    knee_rotation: Array
    knee_adduction: Array
    toe_out: Array
    share: Array
    total: Array
    pressure: Array
    drive: Array
    """[M, 3, P]: `drive[0] + drive[1] x_R + drive[2] x_L` is the fore-aft force."""
    sway: Array
    track: Array
    middle: Array
    upright: Array


def design(t: Traits, factor: Array, u: Array, b: Array) -> Design:
    """Timing, templates, loads and paths of the gaits of M people at speed u [M] and slope b [M] in
    degrees.

    Args:
        t: Traits of M people.
        factor: Stride time relative to the norm [M], of the person and the task together.
        u: Speed `v / sqrt(gL)` [M].
        b: Slope in degrees [M].

    Returns:
        The design.
    """
    slope = DEGREE * b
    period = stride_time(factor, u, b)
    template = template_speed(factor, u)
    step = u * period
    own = leg_phase(t, PHASE)
    stance_end = duty(t, template)
    stance, swing = (
        own / stance_end[..., None],
        (own - stance_end[..., None]) / (1.0 - stance_end[..., None]),
    )
    aloft = jnp.sin(jnp.pi * jnp.clip(swing, 0.0, 1.0))

    load = loading(t, template[:, None], stance, stance_end[..., None])
    load = load * (jnp.cos(slope) / load.sum(1).mean(-1))[:, None, None]
    both = load.sum(1)
    pressure = pressure_path(t, stance) - step[:, None, None] * own
    push = -(load * pressure).sum(1) / PIVOT_HEIGHT - jnp.sin(slope)[:, None]
    forcing = jnp.concatenate([push[:, None], -load / PIVOT_HEIGHT], axis=1)
    pivot = oscillation(period, both / PIVOT_HEIGHT, forcing)
    drive = second_derivative(pivot) / jnp.square(period)[:, None, None]
    drive = drive.at[:, 0].add(jnp.sin(slope)[:, None])

    middle = OUTWARD * t.step_width[:, None] / 2
    track = middle[..., None] + OUTWARD[:, None] * t.circumduction[..., None] * aloft**2
    pull = -(load * middle[..., None]).sum(1) / PENDULUM_HEIGHT
    sway = oscillation(period, both / PENDULUM_HEIGHT, pull[:, None])[:, 0]
    hip = (HALF_PELVIS * t.pelvis_scale)[:, None, None] * OUTWARD[:, None]
    upright = jnp.cos(jnp.arctan(jnp.abs(sway[:, None] + hip - track) / PELVIS_HEIGHT))

    speed = template[:, None]
    yaw = t.yaw_factor[:, None] * (3 + 8 * speed) * wave(PHASE)
    hike = t.hip_hike[..., None] * aloft**3
    obliquity = t.list_factor[:, None] * (2 + 6 * speed) * wave(PHASE, 0.15)
    obliquity = obliquity + hike[:, 0] - hike[:, 1]
    up, down = jnp.maximum(b, 0.0), jnp.maximum(-b, 0.0)
    crouch = t.crouch.mean(-1)
    lean = b + 0.35 * up - 0.4 * down + 2 + t.lean + 0.25 * crouch
    arms = (5 + 50 * speed) * wave(PHASE)
    k = (t.transverse_factor * (0.7 + 0.75 * template))[:, None, None]
    turn = jnp.stack([-yaw, yaw], axis=1)
    target = DEGREE * leg_templates(t, template, b, stance_end)
    spectrum = fourier(PHASE, 8)
    fit = np.concatenate([[1.0], np.full(16, 2.0)]) / PHASES
    return Design(
        slope=slope,
        period=period,
        step=step,
        stance_end=stance_end,
        phase=own,
        stance=stance,
        swing=swing,
        target=jnp.stack([target[:, 0], shifted(target[:, 1], t.left_phase)], axis=1),
        yaw=DEGREE * yaw,
        obliquity=DEGREE * obliquity,
        tilt=DEGREE * (b + 3 + 0.2 * up + t.tilt),
        trunk_yaw=DEGREE * -(2 + 3 * speed) * wave(PHASE),
        trunk_roll=DEGREE * (t.trunk_sway[:, None] * wave(PHASE, 0.3) - t.trunk_list[:, None]),
        lean=DEGREE * lean,
        shoulder=DEGREE * (3 + t.arm_factor[..., None] * jnp.stack([-arms, arms], axis=1)),
        hip_rotation=DEGREE * (t.hip_rotation[..., None] + 2 * k * wave(own, 0.15) + 0.8 * turn),
        knee_rotation=DEGREE
        * (t.knee_rotation[..., None] + 3.5 * k * wave(own, 0.12) + 1.5 * k * wave(own, 0.7, 2)),
        knee_adduction=DEGREE
        * (t.knee_adduction[..., None] + 1.2 * k * wave(own, 0.72) + 0.6 * k * wave(own, 0.15, 2)),
        toe_out=DEGREE * t.toe_out,
        share=load / both[:, None],
        total=(both @ (spectrum * fit)) @ spectrum.T,
        pressure=pressure,
        drive=drive,
        sway=sway,
        track=track,
        middle=middle,
        upright=upright,
    )


def shifted(coefficients: Array, shift: Array) -> Array:
    """Coefficients [M, ..., 19] of `f(phase - shift)`, for those of f and shifts [M]."""
    angle = 2.0 * jnp.pi * shift[:, None] * np.arange(1, HARMONICS + 1)
    angle = angle.reshape(len(shift), *(1,) * (coefficients.ndim - 2), HARMONICS)
    c, s = jnp.cos(angle), jnp.sin(angle)
    constant, a, b = (
        coefficients[..., :1],
        coefficients[..., 1 : HARMONICS + 1],
        coefficients[..., HARMONICS + 1 :],
    )
    return jnp.concatenate([constant, a * c - b * s, a * s + b * c], axis=-1)

"""When each foot is on the ground, and how it is loaded there: `timing` for a batch.

The batch [M] comes first and phases [P] last; a middle axis of two holds (right, left). Functions
of phases take any: the grid of `design`, and the samples of `synthesis`.
"""

from __future__ import annotations

import jax.numpy as jnp

from jaxdiff.body.walker.timing import SPEED_EXPONENT
from jaxdiff.body.walker.traits import Traits
from jaxdiff.typing import Array

DOUBLE_SUPPORT = 0.03
"""Least overlap of the stance phases in walking, as a fraction of the stride."""


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

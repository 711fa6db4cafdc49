"""Curves of period one on a grid of phases: monotone interpolation, shifts, derivatives and the
solution of a linear oscillator, for a batch.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body.walker.curves import fourier
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
DEGREE = np.pi / 180.0


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

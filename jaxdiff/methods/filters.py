"""Filters that take the jitter out of a motion: the baselines a refiner must beat.

    gaussian          y_i = Σ_k w_k x_{i+k},  w a Gaussian cut at 4 deviations, ends repeated
    savitzky_golay    a polynomial fitted to each window, read at its centre, at the ends where the frame stands
    one_euro          y_i = y_{i-1} + a_i (x_i - y_{i-1}),  cutoff f = f_min + β |dx/dt|: still when slow, quick when fast
                      (Casiez et al. 2012); causal, with a lag

Signals are `(T, ...)`, filtered along time, float32 out. Widths are in frames, frequencies in Hz.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxdiff.errors import ConfigError, DataError
from jaxdiff.typing import Array


def gaussian(x: ArrayLike, deviation: float) -> Array:
    """Smoothed with a Gaussian of this deviation."""
    if not deviation > 0:
        raise ConfigError(f"the deviation of a Gaussian filter is above 0 frames; got {deviation}")
    radius = int(4 * deviation + 0.5)
    weights = np.exp(-0.5 * np.square(np.arange(-radius, radius + 1) / deviation))
    weights = jnp.asarray(weights / weights.sum(), jnp.float32)
    flat = _flat(x)
    padded = jnp.pad(flat, ((radius, radius), (0, 0)), mode="edge")
    windows = np.arange(len(flat))[:, None] + np.arange(2 * radius + 1)
    return jnp.einsum("tkc,k->tc", padded[windows], weights, precision="highest").reshape(
        jnp.shape(x)
    )


def savitzky_golay(x: ArrayLike, window: int, order: int) -> Array:
    """Polynomials of this order over windows of an odd number of frames; those of the outermost
    windows at the ends.
    """
    flat = _flat(x)
    if window % 2 == 0 or not 0 <= order < window:
        raise ConfigError(
            f"a Savitzky-Golay window is odd and longer than its order; got {window} and {order}"
        )
    if len(flat) < window:
        raise DataError(f"a motion of {len(flat)} frames is shorter than the window of {window}")
    half = window // 2
    place = np.arange(-half, half + 1) / max(half, 1)
    basis = np.vander(place, order + 1)
    fit = jnp.asarray(
        basis @ np.linalg.pinv(basis), jnp.float32
    )  # row i: the fitted polynomial at place i
    first = np.clip(np.arange(len(flat)) - half, 0, len(flat) - window)
    rows = fit[np.arange(len(flat)) - first]
    windows = flat[first[:, None] + np.arange(window)]
    return jnp.einsum("tkc,tk->tc", windows, rows, precision="highest").reshape(jnp.shape(x))


def one_euro(
    x: ArrayLike, rate: float, min_cutoff: float = 1.0, beta: float = 0.3, speed_cutoff: float = 1.0
) -> Array:
    """The One-Euro filter of a signal at `rate` Hz; `beta` is in Hz per unit of the signal and
    second.
    """
    if min(rate, min_cutoff, speed_cutoff) <= 0 or beta < 0:
        raise ConfigError("rate and cutoffs of a One-Euro filter are above 0, its beta not below")

    def share(cutoff: Array | float) -> Array | float:
        return 1 / (1 + rate / (2 * math.pi * cutoff))

    def step(
        carry: tuple[Array, Array, Array], x: Array
    ) -> tuple[tuple[Array, Array, Array], Array]:
        y, raw, speed = carry
        speed = speed + share(speed_cutoff) * ((x - raw) * rate - speed)
        y = y + share(min_cutoff + beta * jnp.abs(speed)) * (x - y)
        return (y, x, speed), y

    flat = _flat(x)
    return jax.lax.scan(step, (flat[0], flat[0], jnp.zeros_like(flat[0])), flat)[1].reshape(
        jnp.shape(x)
    )


def _flat(x: ArrayLike) -> Array:
    signal = jnp.asarray(x, jnp.float32)
    if signal.ndim == 0 or not signal.size:
        raise DataError(f"a filter needs a signal (T, ...); got the shape {signal.shape}")
    return signal.reshape(len(signal), -1)

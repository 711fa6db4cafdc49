"""Acceleration losses of BioVAE (eqs. 8 and 9): `L = L_diffusion + L_accel + L_phys`, both mean squared errors to the truth's.

`L_accel` looks at the second difference of the joints recovered from the predicted clean motion; `L_phys` at the acceleration
the Euler–Lagrange module states explicitly. Positions are (T, ..., 3) in metres; accelerations are at the inner frames 1 … T-2, in
m/s², divided by `scale` (a standard deviation fitted on training data) inside the losses.
"""

from __future__ import annotations

import jax.numpy as jnp

from jaxdiff.losses.denoising import masked_mean
from jaxdiff.typing import Array


def acceleration(positions: Array, rate: float) -> Array:
    """`(x[i+1] - 2 x[i] + x[i-1]) rate²`, (T, ...) -> (T-2, ...)."""
    return (positions[2:] - 2 * positions[1:-1] + positions[:-2]) * rate**2


def inner(mask: Array | None) -> Array | None:
    """The inner frames whose neighbours are valid too, (T,) -> (T-2,)."""
    return None if mask is None else mask[2:] * mask[1:-1] * mask[:-2]


def accel_loss(
    positions_hat: Array,
    positions: Array,
    rate: float,
    mask: Array | None = None,
    scale: Array | float = 1.0,
) -> Array:
    """`L_accel`: second differences of predicted positions (T, ...) against those of the true ones."""
    difference = acceleration(positions_hat - positions, rate) / scale
    return masked_mean(jnp.square(difference), inner(mask))


def phys_loss(
    acceleration_hat: Array,
    positions: Array,
    rate: float,
    mask: Array | None = None,
    scale: Array | float = 1.0,
) -> Array:
    """`L_phys`: accelerations (T, ...) stated by the network, in m/s², against the true ones at the inner frames."""
    difference = (acceleration_hat[1:-1] - acceleration(positions, rate)) / scale
    return masked_mean(jnp.square(difference), inner(mask))

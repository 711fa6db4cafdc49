"""Acceleration losses of BioVAE (eqs. 8 and 9): `L = L_diffusion + L_accel + L_phys`, both mean
squared errors.

`L_accel` compares the accelerations of the predicted clean motion with those of the true one;
`L_phys` compares the acceleration that the Euler-Lagrange module states with the true one.
Accelerations are `(T - 2, J, 3)` at the inner frames 1 … T-2, in axes that do not depend on how the
clip is turned (`body.accelerations`), divided by a `scale` that is fitted on training data.
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
    predicted: Array, true: Array, mask: Array | None = None, scale: Array | float = 1.0
) -> Array:
    """`L_accel` of one motion.

    Args:
      predicted: accelerations `(T - 2, J, 3)` of the predicted clean motion.
      true: those of the true motion.
      mask: valid frames `(T,)`; frames with an invalid neighbour are left out.
      scale: deviation of accelerations, `(J, 3)` or a scalar.

    Returns:
      A scalar.
    """
    return masked_mean(jnp.square((predicted - true) / scale), inner(mask))


def phys_loss(
    stated: Array, true: Array, mask: Array | None = None, scale: Array | float = 1.0
) -> Array:
    """`L_phys` of one motion: as `accel_loss`, for stated accelerations `(T, J, 3)` of all
    frames.
    """
    return accel_loss(stated[1:-1], true, mask, scale)
